import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { Test } from 'tap'
import { sharePostgres } from './postgres.ts'

/** A row of the table of products as another program writes it. Columns that are absent get their defaults. */
export interface OtherRow {
  id?: number | bigint
  title: string
  price?: string
  created?: string
  updated?: string
}

/** A row as it is stored: times are texts in ISO 8601. */
export type StoredRow = Required<OtherRow>

/** Another program that uses the database of a service. */
export interface OtherProgram {
  /** The DATABASE_URL of the service. */
  readonly url: string
  /** Runs statements of SQL. */
  exec (sql: string): Promise<void>
  insert (rows: readonly OtherRow[]): Promise<void>
  /** Reads all rows in the order of their ids. */
  rows (): Promise<StoredRow[]>
  /** Deletes all products. Those that are created next have ids from 1. */
  clear (): Promise<void>
}

/** A kind of database. */
export interface DatabaseKind {
  readonly name: 'SQLite' | 'PostgreSQL'
  /** Creates a database that is deleted with the test. The service creates its tables. */
  create (t: Test): Promise<OtherProgram>
}

export const sqlite: DatabaseKind = {
  name: 'SQLite',
  async create (t) {
    const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
    const path = join(folder, 'larder.db')
    let connection: Sqlite.Database | undefined
    t.teardown(() => {
      connection?.close()
      rmSync(folder, { recursive: true })
    })
    // Not before it is needed, since the service creates the file.
    const connect = () => (connection ??= new Sqlite(path))
    return {
      url: `file:${path}`,
      async exec (sql) { connect().exec(sql) },
      async insert (rows) {
        connect().transaction(() => {
          for (const row of rows.map(addDefaults)) {
            const names = Object.keys(row)
            connect().prepare(`INSERT INTO products (${names}) VALUES (${names.map((name) => `@${name}`)})`).run(row)
          }
        })()
      },
      rows: async () => connect().prepare<[], StoredRow>('SELECT * FROM products ORDER BY id').all(),
      async clear () {
        connect().exec("DELETE FROM products; DELETE FROM sqlite_sequence WHERE name = 'products'")
      }
    }
  }
}

export const postgres: DatabaseKind = {
  name: 'PostgreSQL',
  async create (t) {
    const { createPool } = await sharePostgres(t)
    const pool = await createPool(t, { max: 1 })
    const { host, database } = pool.options
    const time = (name: string) => `to_char(${name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ${name}`
    return {
      url: `postgres://postgres@/${database}?host=${encodeURIComponent(host!)}`,
      async exec (sql) { await pool.query(sql) },
      async insert (rows) {
        for (const row of rows.map(addDefaults)) {
          const names = Object.keys(row)
          const values = names.map((_, i) => `$${i + 1}`)
          await pool.query(`INSERT INTO products (${names}) VALUES (${values})`, Object.values(row))
        }
      },
      async rows () {
        const { rows } = await pool.query(
          `SELECT id, title, price, ${time('created')}, ${time('updated')} FROM products ORDER BY products.id`)
        return rows.map(({ id, ...row }) => ({ id: Number(id), ...row }))
      },
      async clear () { await pool.query("DELETE FROM products; SELECT setval('products_id_seq', 1, false)") }
    }
  }
}

function addDefaults (row: OtherRow): OtherRow {
  return { price: '1.00', ...row }
}
