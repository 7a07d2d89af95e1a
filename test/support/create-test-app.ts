import type { IncomingHttpHeaders } from 'node:http'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type InjectOptions } from 'fastify'
import type { Test } from 'tap'
import { type CacheAdapter, createCache, memoryStore, type Store, type Versions } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions, type Explanation, type ExplainQuestion } from '../../src/page-cache/index.ts'
import { fakeClock, type FakeClock } from './clock.ts'
import type { MakeStore } from './page-stores.ts'
import { type Listener, listen } from './record-events.ts'
import { until } from './until.ts'

/** A handler that also gets the number of its call, from 1. */
export type Handler = (request: FastifyRequest, reply: FastifyReply, call: number) => unknown

export interface TestResponse {
  statusCode: number
  body: string
  /** `Cache-Status`, without the name of the cache. */
  status: string
  headers: Record<string, unknown>
}

export interface TestApp {
  app: FastifyInstance
  cache: CacheAdapter
  clock: FakeClock
  store: Store
  /** Records the events of the cache. */
  listener: Listener
  /** Returns how often the handler was called. */
  calls: () => number
  /** The preconditions and the range that the handler received, for each call. */
  shown: Array<Record<string, unknown>>
  /** Returns the keys of all entries that were stored, in order. */
  storedKeys: () => string[]
  /** Requests /page with these headers, or another URL. */
  get (headers?: Record<string, string | string[]>, options?: InjectOptions): Promise<TestResponse>
  /** Explains a request for /page. */
  explain (question?: Partial<ExplainQuestion>): Promise<Explanation>
  /** Returns the rule that decides what a request for /page gets. */
  explainRule (question?: Partial<ExplainQuestion>): Promise<string>
  /** Resolves when no load is in flight. */
  untilSettled (): Promise<void>
}

export interface TestAppOptions {
  /** The store of the cache; by default in memory. */
  store?: MakeStore
  versions?: Versions
  clock?: FakeClock
  app?: FastifyInstance
  random?: () => number
  /** The methods of the route; by default GET. If POST is not one of them, it has a route that is not cached. */
  method?: string[]
  /** That of the page cache. */
  skipOnHit?: string[]
  /** Called before the page cache is registered. */
  before?: (app: FastifyInstance) => unknown
  /** Called after the page cache is registered and before the route is. */
  after?: (app: FastifyInstance) => unknown
}

const CONDITIONS = [
  'if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range'
] as const

/** Creates an app with one cached route at /page, whose handler by default sends the number of its call. */
export async function createTestApp (
  t: Test, cachePage: CachePageOptions | number,
  handler: Handler = (_request, _reply, call) => `call ${call}`,
  options: TestAppOptions = {}
): Promise<TestApp> {
  const { versions, clock = fakeClock(), app = Fastify(), random = () => 0.5, method = ['GET'], skipOnHit } = options
  const store = options.store?.(t, clock.now) ?? memoryStore({ now: clock.now })
  const cache = createCache({ store, now: clock.now, random, ...versions && { versions } })
  const shown: TestApp['shown'] = []
  await options.before?.(app)
  await app.register(pageCache, { cache, now: clock.now, ...skipOnHit && { skipOnHit } })
  await options.after?.(app)
  app.route({
    method,
    url: '/page',
    config: { cachePage },
    handler: async (request, reply) => {
      shown.push(readConditions(request.headers))
      return handler(request, reply, shown.length)
    }
  })
  if (!method.includes('POST')) app.post('/page', async () => 'changed')
  t.teardown(() => app.close())
  const listener = listen(t, cache)
  const explain: TestApp['explain'] = async (question = {}) => await app.larder.explain({ url: '/page', ...question })
  return {
    app,
    cache,
    clock,
    store,
    listener,
    shown,
    calls: () => shown.length,
    storedKeys: () => listener.events.filter(({ type }) => type === 'set').map(({ key }) => String(key)),
    get: async (headers = {}, options = {}) => await sendRequest(app, { url: '/page', headers, ...options }),
    explain,
    explainRule: async (question) => (await explain(question)).outcome.rule,
    untilSettled: async () => await until('no load is in flight', () => cache.loadsInFlight === 0)
  }
}

/** Sends a request to an app. */
export async function sendRequest (app: FastifyInstance, options: InjectOptions): Promise<TestResponse> {
  const { statusCode, body, headers } = await app.inject(options)
  return { statusCode, body, status: String(headers['cache-status']).replace(/^larder; /, ''), headers }
}

function readConditions (headers: IncomingHttpHeaders): Record<string, unknown> {
  return Object.fromEntries(CONDITIONS
    .filter((name) => headers[name] !== undefined)
    .map((name) => [name, headers[name]]))
}

/** Returns the date, as HTTP writes it, so many seconds after now. */
export function dateAt (clock: FakeClock, seconds = 0): string {
  return new Date(clock.now() + seconds * 1000).toUTCString()
}
