import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { openDatabase } from '../../src/db/index.ts'

/** A temporary folder that is removed when the program exits. */
export const folder = mkdtempSync(join(tmpdir(), 'larder-bench-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** A second table, with numbers only. */
const NOTES = 'CREATE TABLE notes (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)'

const numbersTo = (last: number) => {
  return `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${last})`
}

/** Creates a database with so many products and an empty table of notes, both with triggers. Returns its path. */
export async function newFile (name: string, products: number): Promise<string> {
  const path = join(folder, `${name}.db`)
  await openDatabase(`file:${path}`).close()
  const connection = connect(path)
  connection.exec(NOTES)
  addProducts(connection, products)
  connection.close()
  await openDatabase(`file:${path}`).close() // creates the triggers of the notes
  return path
}

/** Opens a connection with the settings of the service, as another program would. */
export function connect (path: string): Sqlite.Database {
  const connection = new Sqlite(path)
  connection.pragma('journal_mode = WAL')
  connection.pragma('synchronous = NORMAL')
  connection.pragma('foreign_keys = ON')
  connection.pragma('recursive_triggers = ON')
  return connection
}

export function addProducts (connection: Sqlite.Database, count: number): void {
  connection.exec(`${numbersTo(count)}
    INSERT INTO products (title, price) SELECT 'Product number ' || n, '9.99' FROM numbers`)
}

export function addNotes (connection: Sqlite.Database, from: number, count: number): void {
  connection.exec(`${numbersTo(count)} INSERT INTO notes SELECT n + ${from - 1}, n FROM numbers`)
}

/** Drops the triggers, so that writes no longer advance the clock. The next start creates them again. */
export function dropTriggers (connection: Sqlite.Database): void {
  const names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").pluck().all() as string[]
  for (const name of names) connection.exec(`DROP TRIGGER "${name}"`)
}
