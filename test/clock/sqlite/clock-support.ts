import Sqlite from 'better-sqlite3'
import { type SQL, sql } from 'drizzle-orm'
import type { Test } from 'tap'
import { collectReads, ReadSet } from '../../../src/cache/index.ts'
import { type Database, openDatabase } from '../../../src/db/index.ts'

export interface Clockwork {
  path: string
  database: Database
  /** Another program. */
  other: Sqlite.Database
  connect (): Sqlite.Database
  /** A further process of ours, on the same file. */
  open (): Database
  /** Whether the tag has not moved since the stamp, as those say who are in no transaction. */
  isCurrent (stamp: string, ...tags: string[]): boolean
  /** Those of the tags that a change moves. */
  movedBy (tags: readonly string[], change: () => unknown): Promise<string[]>
}

/** A database in a file of its own, with these tables besides ours, and another program at work on it. */
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
  openDatabase(`file:${path}`).close()
  const other = connect()
  other.pragma('synchronous = OFF')
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
      const stamp = stampOf(database)
      await change()
      return tags.filter((tag) => !isCurrent(stamp, tag))
    }
  }
}

/** Adds products of these numbers through a connection of another program. */
export function addProduct (connection: Sqlite.Database, ...ids: number[]): void {
  const insert = connection.prepare("INSERT INTO products (id, title, price) VALUES (?, 'a', '1')")
  for (const id of ids) insert.run(id)
}

/** The moment now. */
export function stampOf (database: Database): string {
  return database.versions.stamp() as string
}

export interface Reading<T = unknown> {
  result: T
  tags: string[]
  stamp: string
  refusal: string | undefined
}

/** What an answer would know of what it read. */
export function reading<T> (database: Database, work: () => T): Reading<T> {
  const { versions } = database
  const reads = new ReadSet()
  const result = collectReads(reads, work)
  const stamp = reads.begin(versions, () => versions.stamp()) as string
  return { result, tags: [...versions.compact!(reads.tags(versions))].sort(), stamp, refusal: reads.notStoredBecause }
}

/** A statement with values in the places of its question marks. */
export function bound (text: string, values: readonly unknown[]): SQL {
  const [first = '', ...rest] = text.split('?')
  return sql.join([sql.raw(first), ...rest.flatMap((part, i) => [sql`${values[i % values.length]}`, sql.raw(part)])])
}

/** What is known of what a statement reads: its tags, or why nothing made of it is kept. */
export function tagsRead (database: Database, text: string, ...values: unknown[]): string[] | string {
  const { refusal, tags } = reading(database, () => database.sql.values(bound(text, values)))
  return refusal ?? tags
}
