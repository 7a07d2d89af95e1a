import { execFileSync, spawnSync } from 'node:child_process'
import type pg from 'pg'
import type { Test } from 'tap'
import { type PrivatePostgres, startPostgres } from '../../test/support/postgres.ts'
import { freePort } from './redis.ts'

/** Settings of a usual server: what is committed is on the disk. */
const SETTINGS = {
  fsync: 'on',
  full_page_writes: 'on',
  listen_addresses: '127.0.0.1',
  shared_buffers: '128MB',
  max_wal_size: '2GB',
  wal_level: 'replica'
}

export interface OwnPostgres extends PrivatePostgres {
  port: number
  /** Its helpers end with it. */
  test: Test
  /** Creates a database with a table of so many notes, and returns a pool for it. */
  createNotes: (count: number, options?: pg.PoolConfig) => Promise<pg.Pool>
  end: () => Promise<void>
}

export const hasPgbench = spawnSync('pgbench', ['--version']).error === undefined

/** Starts a PostgreSQL of its own; fails with one line that says what to install if there is none. */
export async function startOwnPostgres (): Promise<OwnPostgres> {
  const ends: Array<() => unknown> = []
  const test = { teardown: (end: () => unknown) => { ends.push(end) } } as Test
  const port = await freePort()
  const postgres = await startPostgres(test, { ...SETTINGS, port: String(port) })
  return {
    ...postgres,
    port,
    test,
    async createNotes (count, options) {
      const pool = await postgres.createPool(test, { port, ...options })
      await pool.query('CREATE TABLE notes (id int PRIMARY KEY, n int NOT NULL) WITH (fillfactor = 50)')
      await pool.query('INSERT INTO notes SELECT i, 0 FROM generate_series(1, $1) i', [count])
      await pool.query('VACUUM ANALYZE notes')
      return pool
    },
    async end () {
      for (const end of ends.reverse()) await end()
    }
  }
}

/** Runs a script of pgbench, and returns the transactions per second. */
export function runPgbench (
  { host, port }: OwnPostgres, pool: pg.Pool, script: string, args: string[], options = ''
): number {
  const { database } = pool.options
  const connection = ['-h', host, '-p', String(port), '-U', 'postgres']
  const output = execFileSync('pgbench', [...connection, '-n', '-M', 'prepared', '-f', script, ...args, database!], {
    encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, PGOPTIONS: options }
  })
  return Number(/tps = ([\d.]+)/.exec(output)![1])
}
