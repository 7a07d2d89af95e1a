import Database from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { migrate } from 'drizzle-orm/better-sqlite3/migrator'
import { sqliteClock } from 'fastify-larder/sqlite'
import * as schema from './schema.ts'

export type Blog = ReturnType<typeof openDatabase>

/** Opens the database of the blog, migrates it, and adds the version clock. */
export function openDatabase (file: string) {
  const sqlite = new Database(file)
  sqlite.pragma('journal_mode = WAL')
  migrate(drizzle({ client: sqlite }), { migrationsFolder: new URL('drizzle', import.meta.url).pathname })
  const clock = sqliteClock(sqlite)
  const db = drizzle({ client: sqlite, schema, logger: clock.logger })
  clock.watch(sqlite) // for statements that do not pass through Drizzle
  const close = () => {
    clock.close()
    sqlite.close()
  }
  return { sqlite, clock, db, close }
}
