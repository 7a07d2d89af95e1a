import Sqlite from 'better-sqlite3'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { testApp } from '../support/app.ts'
import { Log } from './log.ts'

/** Products that a test begins with. */
const PRODUCTS = 20

/** The application under test, and a second connection to its database to check its responses. */
export interface Service {
  app: FastifyInstance
  log: Log
  truth: Sqlite.Database
  /** The database file, for a second process. */
  path: string
}

/** Starts the whole service on a database file of its own, or on that of another process. */
export async function startService (
  t: Test, url: string, { path = databasePath(t), env = {} }: { path?: string, env?: Record<string, string> } = {}
): Promise<Service> {
  const log = new Log()
  const logger = { level: 'info', stream: log.stream }
  const app = await testApp(t, { DATABASE_URL: `file:${path}`, REDIS_URL: url, ...env }, { logger })
  return { app, log, truth: openTruth(t, path), path }
}

/** Opens a connection of another program. */
export function openTruth (t: Test, path: string): Sqlite.Database {
  const truth = new Sqlite(path, { timeout: 5_000 })
  t.teardown(() => truth.close())
  return truth
}

export const databasePath = (t: Test) => `${t.testdir()}/larder.db`

/** Replaces the products by a few, so that a list costs little. */
export function insertProducts (truth: Sqlite.Database): void {
  truth.exec(`
    DELETE FROM products;
    INSERT INTO products (title, price, created, updated)
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT ${PRODUCTS})
      SELECT 'product ' || n, '1.00', '2025-12-31T00:00:00.000Z', '2025-12-31T00:00:00.000Z' FROM numbers`)
}
