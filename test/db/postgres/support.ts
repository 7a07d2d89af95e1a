import { sql } from 'drizzle-orm'
import type pg from 'pg'
import root, { type Test } from 'tap'
import { openDatabase, type PostgresDatabase } from '../../../src/db/index.ts'
import type { DatabaseLimits } from '../../../src/db/limits.ts'
import type { Notes as ContractNotes } from '../../support/database-contract/set-up.ts'
import { type PrivatePostgres, sharePostgres } from '../../support/postgres.ts'

export interface Notes extends ContractNotes {
  database: PostgresDatabase
  /** Another program. */
  pool: pg.Pool
  url: `postgres://${string}`
  /** The lines of the log. */
  warnings: string[]
}

/** Creates an empty database on a server, and opens it as the service does. */
export async function openNotes (
  t: Test, limits: DatabaseLimits = {}, postgres?: PrivatePostgres
): Promise<Notes> {
  const { host, createPool } = postgres ?? await sharePostgres(root)
  const pool = await createPool(t)
  const url = `postgres://postgres@/${pool.options.database}?host=${host}` as const
  const warnings: string[] = []
  const database = await openDatabase(url, { onWarning: (message) => warnings.push(message), ...limits })
  t.teardown(() => database.close())
  return createNotes(database, pool, url, warnings)
}

/** Returns a function whose databases are one and the same, without the products of the test before. */
export function shareNotes (t: Test): () => Promise<Notes> {
  let shared: Promise<Notes> | undefined
  return async () => {
    const notes = await (shared ??= openNotes(t))
    await notes.pool.query('DELETE FROM products')
    return notes
  }
}

function createNotes (database: PostgresDatabase, pool: pg.Pool, url: Notes['url'], warnings: string[]): Notes {
  const { sql: handle } = database
  return {
    database,
    pool,
    url,
    warnings,
    add: async (title) => { await handle.execute(sql`INSERT INTO products (title, price) VALUES (${title}, '1')`) },
    async titles () {
      const { rows } = await handle.execute<{ title: string }>(sql`SELECT title FROM products ORDER BY id`)
      return rows.map(({ title }) => title)
    },
    fail: async () => { await handle.execute(sql`INSERT INTO products (title) VALUES ('no price')`) },
    runLong: async () => { await handle.execute(sql`SELECT pg_sleep(60)`) }
  }
}
