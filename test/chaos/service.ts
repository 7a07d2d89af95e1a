import Sqlite from 'better-sqlite3'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { testApp } from '../support/app.ts'
import { Log } from './log.ts'

/** Products that are there when it begins. */
const PRODUCTS = 20

/** What is tested: an application over a database, and a second connection that knows what is true. */
export interface Service {
  app: FastifyInstance
  log: Log
  truth: Sqlite.Database
  /** The same database, for another process. */
  path: string
}

/** The whole service over a database file of its own, or over that of another. */
export async function startService (t: Test, url: string, { path = databaseOf(t), env = {} }: { path?: string, env?: Record<string, string> } = {}): Promise<Service> {
  const log = new Log()
  const app = await testApp(t, { DATABASE_URL: `file:${path}`, REDIS_URL: url, ...env }, { logger: { level: 'info', stream: log.stream } })
  return { app, log, truth: openTruth(t, path), path }
}

/** A connection of another program. */
export function openTruth (t: Test, path: string): Sqlite.Database {
  const truth = new Sqlite(path, { timeout: 5_000 })
  t.teardown(() => truth.close())
  return truth
}

export const databaseOf = (t: Test) => `${t.testdir()}/larder.db`

/** Replaces the products by a few, so that a list costs little. */
export function stock (truth: Sqlite.Database): void {
  truth.exec(`
    DELETE FROM products;
    INSERT INTO products (title, price, created, updated)
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT ${PRODUCTS})
      SELECT 'product ' || n, '1.00', '2025-12-31T00:00:00.000Z', '2025-12-31T00:00:00.000Z' FROM numbers`)
}
