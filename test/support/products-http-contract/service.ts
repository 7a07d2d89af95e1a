import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { PRODUCT_LIST_KEY } from '../../../src/products/index.ts'
import { testApp } from '../app.ts'
import { type FakeClock, fakeClock } from '../clock.ts'
import type { DatabaseKind, OtherProgram, StoredRow } from '../product-databases.ts'

export interface Service {
  app: FastifyInstance
  clock: FakeClock
  /** Another program with the same database. */
  other: OtherProgram
  /**
   * Sends a request.
   *
   * @param payload a string is sent unchanged, any other value as JSON
   */
  send (
    method: Method, url: string, payload?: unknown, headers?: Record<string, string>
  ): Promise<LightMyRequestResponse>
  /** Submits a form. */
  submit (
    url: string, fields?: Record<string, string> | string, headers?: Record<string, string>
  ): Promise<LightMyRequestResponse>
  get (url: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>
  /** Reads all rows of the table. */
  rows (): Promise<StoredRow[]>
}

export type Method = NonNullable<InjectOptions['method']>

/** Returns the service at the first second of 2026, with three products: a, b and c, with the ids 1, 2 and 3. */
export type SetUp = () => Promise<Service>

/** A part of the contract. */
export type Part = (t: Test, setUp: SetUp) => Promise<void>

/** When the products a, b and c were created and updated. */
export const STORED = '2025-12-31T00:00:00.000Z'

/** What a client learns of an error that is not its own. */
export const INTERNAL = {
  statusCode: 500, error: 'Internal Server Error', message: 'Something went wrong on our side.'
}

/** Builds the whole service over a database of its own. `setUp` of the result resets what tests have changed. */
export async function buildService (t: Test, kind: DatabaseKind): Promise<SetUp> {
  const other = await kind.create(t)
  const clock = fakeClock()
  const start = clock.now()
  const app = await testApp(t, { DATABASE_URL: other.url }, { now: clock.now })
  const send: Service['send'] = (method, url, payload, headers) => app.inject({
    method,
    url,
    headers: { ...payload !== undefined && { 'content-type': 'application/json' }, ...headers },
    ...payload !== undefined && { payload: typeof payload === 'string' ? payload : JSON.stringify(payload) }
  })
  const form = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' }
  const service: Service = {
    app,
    clock,
    other,
    send,
    submit: (url, fields = {}, headers = {}) => (
      send('POST', url, new URLSearchParams(fields).toString(), { ...form, ...headers })),
    get: (url, headers = {}) => app.inject({ url, headers }),
    rows: () => other.rows()
  }
  return async () => {
    clock.advance((start - clock.now()) / 1000)
    await other.clear()
    await other.insert(['a', 'b', 'c'].map((title) => ({ title, created: STORED, updated: STORED })))
    return service
  }
}

/** Reads from `Server-Timing` whether the list was a hit in the low-level cache. */
export function listTiming ({ headers }: LightMyRequestResponse): string | undefined {
  const timing = headers['server-timing']
  if (timing === undefined) return undefined
  const match = new RegExp(`^${PRODUCT_LIST_KEY};desc="(hit|miss)";dur=\\d+\\.\\d\\d$`).exec(String(timing))
  return match?.[1] ?? `unexpected: ${timing}`
}
