import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import root, { type Test } from 'tap'
import { PRODUCT_LIST_KEY } from '../../src/products/index.ts'
import { testApp } from '../support/app.ts'
import { type FakeClock, fakeClock } from '../support/clock.ts'

export interface Service {
  app: FastifyInstance
  clock: FakeClock
  /** A connection to the same database, as another program has. */
  other: Sqlite.Database
  /**
   * Sends a request.
   *
   * @param payload a string is sent unchanged, any other value as JSON
   */
  send (
    method: Method, url: string, payload?: unknown, headers?: Record<string, string>
  ): Promise<LightMyRequestResponse>
  get (url: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>
  /** Reads all rows of the table. */
  rows (): unknown[]
}

export type Method = NonNullable<InjectOptions['method']>

interface OpenApp {
  app: FastifyInstance
  path: string
}

/** That of the present test. */
let clock: FakeClock
let shared: Promise<OpenApp> | undefined

/** Builds the whole service, with a database in a file. */
async function openApp (t: Test): Promise<OpenApp> {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = `${folder}/larder.db`
  return { path, app: await testApp(t, { DATABASE_URL: `file:${path}` }, { now: () => clock.now() }) }
}

/**
 * Returns the whole service, with an empty cache and three products: a, b and c, with the ids 1, 2 and 3. It is the
 * same for all tests, because its start takes longer than most of them.
 */
export async function service (t: Test): Promise<Service> {
  clock = fakeClock()
  return await fill(t, await (shared ??= openApp(root)))
}

/** Builds the same for one test, which may destroy its database. */
export async function ownService (t: Test): Promise<Service> {
  clock = fakeClock()
  return await fill(t, await openApp(t))
}

async function fill (t: Test, { app, path }: OpenApp): Promise<Service> {
  await app.larder.cache.clear()
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  other.exec(`
    DELETE FROM products;
    DELETE FROM sqlite_sequence;
    INSERT INTO products (title, price, created, updated)
      SELECT value, '1.00', '2025-12-31', '2025-12-31' FROM json_each('["a", "b", "c"]')
  `)
  return {
    app,
    clock,
    other,
    send: (method, url, payload, headers) => app.inject({
      method,
      url,
      headers: { ...payload !== undefined && { 'content-type': 'application/json' }, ...headers },
      ...payload !== undefined && { payload: typeof payload === 'string' ? payload : JSON.stringify(payload) }
    }),
    get: (url, headers = {}) => app.inject({ url, headers }),
    rows: () => other.prepare('SELECT * FROM products ORDER BY id').all()
  }
}

/** Reads from `Server-Timing` whether the list was a hit in the low-level cache. */
export function listTiming ({ headers }: LightMyRequestResponse): string | undefined {
  const timing = headers['server-timing']
  if (timing === undefined) return undefined
  const match = new RegExp(`^${PRODUCT_LIST_KEY};desc="(hit|miss)";dur=\\d+\\.\\d\\d$`).exec(String(timing))
  return match?.[1] ?? `unexpected: ${timing}`
}
