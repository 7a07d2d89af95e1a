import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import type { Test } from 'tap'
import { openDatabase, type SqliteDatabase } from '../../src/db/index.ts'
import type { DatabaseLimits } from '../../src/db/limits.ts'

export interface Notes {
  database: SqliteDatabase
  /** Adds a product with this title, in the transaction around the call. */
  add (title: string): Promise<void>
  /** The titles that a read here and now sees. */
  titles (): Promise<string[]>
  /** A connection of another program, which waits for no lock. */
  connect (): Sqlite.Database
}

/** An empty database in a file of its own, and the shortest ways to write and to read. */
export function notes (t: Test, limits: DatabaseLimits = {}): Notes {
  const path = `${t.testdir()}/larder.db`
  const database = openDatabase(`file:${path}`, limits)
  t.teardown(() => database.close())
  return createNotes(t, path, database)
}

/**
 * Returns a function like `notes` whose databases are one and the same, without the products of the test before. The
 * start of its threads takes longer than most tests.
 */
export function sharedNotes (t: Test): (t: Test) => Notes {
  let shared: { path: string, database: SqliteDatabase } | undefined
  const open = () => {
    const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
    const path = `${folder}/larder.db`
    const database = openDatabase(`file:${path}`)
    t.teardown(async () => {
      await database.close()
      rmSync(folder, { recursive: true })
    })
    return { path, database }
  }
  return (t) => {
    shared ??= open()
    const works = createNotes(t, shared.path, shared.database)
    works.connect().exec('DELETE FROM products')
    return works
  }
}

function createNotes (t: Test, path: string, database: SqliteDatabase): Notes {
  return {
    database,
    add: async (title) => { await database.sql.run(sql`INSERT INTO products (title, price) VALUES (${title}, '1')`) },
    async titles () {
      const rows = await database.sql.values<[string]>(sql`SELECT title FROM products ORDER BY id`)
      return rows.flat()
    },
    connect () {
      const other = new Sqlite(path, { timeout: 0 })
      t.teardown(() => other.close())
      return other
    }
  }
}

/** Adds a product with this title through a connection of another program. */
export function addThrough (other: Sqlite.Database, title: string): void {
  other.prepare("INSERT INTO products (title, price) VALUES (?, '1')").run(title)
}

/** Something that a test waits for. */
export function moment<T = void> (): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>()
}
