import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import type { Test } from 'tap'
import { type Database, openDatabase } from '../../src/db/index.ts'
import type { DatabaseLimits } from '../../src/db/limits.ts'

export interface Notes {
  database: Database
  /** Adds a product with this title, on the connection of the transaction around the call. */
  add (title: string): void
  /** The titles that a read here and now sees. */
  titles (): string[]
  /** A connection of another program, which waits for no lock. */
  connect (): Sqlite.Database
}

/** An empty database in a file of its own, and the shortest ways to write and to read. */
export function notes (t: Test, limits: DatabaseLimits = {}): Notes {
  const path = `${t.testdir()}/larder.db`
  const database = openDatabase(`file:${path}`, limits)
  t.teardown(() => database.close())
  return {
    database,
    add: (title) => { database.sql.run(sql`INSERT INTO products (title, price) VALUES (${title}, '1')`) },
    titles: () => database.sql.all<{ title: string }>(
      sql`SELECT title FROM products ORDER BY id`
    ).map(({ title }) => title),
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
