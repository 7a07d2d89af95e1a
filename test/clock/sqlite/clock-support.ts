import Sqlite from 'better-sqlite3'
import { type SQL, sql } from 'drizzle-orm'
import type { Test } from 'tap'
import { collectReads, ReadSet } from '../../../src/cache/index.ts'
import { openDatabase, type SqliteDatabase } from '../../../src/db/index.ts'
import { migrate } from '../../../src/db/sqlite/migrate.ts'

/** A trigger of one connection, whose updates are not counted from then on. */
export const SKIP_COUNT = 'CREATE TEMP TRIGGER theirs AFTER UPDATE ON main.products BEGIN SELECT RAISE(IGNORE); END'

export interface Clockwork {
  path: string
  database: SqliteDatabase
  /** Another program. */
  other: Sqlite.Database
  connect (): Sqlite.Database
  /** Opens the file as another process of the service does. */
  open (): SqliteDatabase
  /** Whether no tag has changed since the stamp, outside transactions. */
  isCurrent (stamp: string, ...tags: string[]): boolean
  /** Returns the tags that a change affects. */
  movedBy (tags: readonly string[], change: () => unknown): Promise<string[]>
}

/** Opens a database in a file of its own, with additional tables, and a connection of another program to it. */
export function clockwork (t: Test, schema = ''): Clockwork {
  const path = `${t.testdir()}/larder.db`
  const open = () => {
    const database = openDatabase(`file:${path}`)
    t.teardown(() => database.close())
    return database
  }
  const connect = () => {
    const connection = new Sqlite(path)
    t.teardown(() => connection.close())
    return connection
  }
  const other = connect()
  other.pragma('journal_mode = WAL')
  other.pragma('synchronous = OFF')
  migrate(other)
  other.exec(schema)
  const database = open()
  const { versions } = database
  const isCurrent = (stamp: string, ...tags: string[]) => versions.firstChanged(stamp, tags) === undefined
  return {
    path,
    database,
    other,
    connect,
    open,
    isCurrent,
    async movedBy (tags, change) {
      const stamp = takeStamp(database)
      await change()
      return tags.filter((tag) => !isCurrent(stamp, tag))
    }
  }
}

/** Adds products with these ids through a connection of another program. */
export function addProduct (connection: Sqlite.Database, ...ids: number[]): void {
  const insert = connection.prepare("INSERT INTO products (id, title, price) VALUES (?, 'a', '1')")
  for (const id of ids) insert.run(id)
}

export function changeProduct (connection: Sqlite.Database, id: number): void {
  connection.prepare('UPDATE products SET price = price + 1 WHERE id = ?').run(id)
}

/** Returns the current stamp. */
export function takeStamp (database: SqliteDatabase): string {
  return database.versions.stamp() as string
}

export interface Reading<T = unknown> {
  result: T
  tags: string[]
  stamp: string
  refusal: string | undefined
}

/** Runs `work` and returns the dependencies that were recorded. */
export async function reading<T> (database: SqliteDatabase, work: () => T | Promise<T>): Promise<Reading<T>> {
  const { versions } = database
  const reads = new ReadSet()
  const result = await collectReads(reads, async () => await work())
  const stamp = reads.begin(versions, () => versions.stamp()) as string
  return { result, tags: [...versions.compact!(reads.tags(versions))].sort(), stamp, refusal: reads.notStoredBecause }
}

/** Builds a statement with values in place of its question marks. */
export function bound (text: string, values: readonly unknown[]): SQL {
  const [first = '', ...rest] = text.split('?')
  return sql.join([sql.raw(first), ...rest.flatMap((part, i) => [sql`${values[i % values.length]}`, sql.raw(part)])])
}

/** Returns the tags that a statement depends on, or the reason why its result may not be stored. */
export async function tagsRead (
  database: SqliteDatabase, text: string, ...values: unknown[]
): Promise<string[] | string> {
  const { refusal, tags } = await reading(database, () => database.sql.values(bound(text, values)))
  return refusal ?? tags
}
