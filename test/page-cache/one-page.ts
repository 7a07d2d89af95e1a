import type { IncomingHttpHeaders } from 'node:http'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type InjectOptions } from 'fastify'
import type { Test } from 'tap'
import { type CacheAdapter, createCache, memoryStore, type Store, type Versions } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { type Listener, listen } from '../support/record-events.ts'
import { fakeClock, type FakeClock } from '../support/clock.ts'
import { until } from '../support/until.ts'
import type { MakeStore } from './stores.ts'

export type Handler = (request: FastifyRequest, reply: FastifyReply, call: number) => unknown

export interface Answer {
  statusCode: number
  body: string
  /** `Cache-Status`, without the name of the cache. */
  status: string
  headers: Record<string, unknown>
}

export interface OnePage {
  app: FastifyInstance
  cache: CacheAdapter
  clock: FakeClock
  store: Store
  listener: Listener
  /** How often the handler ran. */
  calls: () => number
  /** The preconditions and the range that the handler was shown, call by call. */
  shown: Array<Record<string, unknown>>
  /** Asks for /page with these fields, or for something else. */
  ask (headers?: Record<string, string>, options?: InjectOptions): Promise<Answer>
  /** Resolves once no load is under way. */
  settled (): Promise<void>
}

export interface Setting {
  store?: MakeStore
  versions?: Versions
  app?: FastifyInstance
  random?: () => number
  /** Of the route. */
  method?: string[]
}

const SHOWN = ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range'] as const

/** An app with one cached route at /page, whose handler answers the number of its call unless it is given another. */
export async function onePage (
  t: Test, cachePage: CachePageOptions | number, handler: Handler = (_request, _reply, call) =>
    `call ${call}`, setting: Setting = {}
): Promise<OnePage> {
  const clock = fakeClock()
  const { versions, random = () => 0.5, app = Fastify(), method = ['GET'] } = setting
  const store = setting.store?.(t, clock.now) ?? memoryStore({ now: clock.now })
  const cache = createCache({ store, now: clock.now, random, ...versions && { versions } })
  const shown: OnePage['shown'] = []
  await app.register(pageCache, { cache, now: clock.now })
  app.route({
    method,
    url: '/page',
    config: { cachePage },
    handler: async (request, reply) => {
      shown.push(conditionsOf(request.headers))
      return handler(request, reply, shown.length)
    }
  })
  t.teardown(() => app.close())
  const ask: OnePage['ask'] = async (headers = {}, options = {}) => await answerOf(app, {
    url: '/page', headers, ...options
  })
  const listener = listen(t, cache)
  const settled = async () => {
    await until('no load is in flight', () => cache.loadsInFlight === 0)
  }
  return { app, cache, clock, store, listener, settled, calls: () => shown.length, shown, ask }
}

export async function answerOf (app: FastifyInstance, options: InjectOptions): Promise<Answer> {
  const { statusCode, body, headers } = await app.inject(options)
  return { statusCode, body, status: String(headers['cache-status']).replace(/^larder; /, ''), headers }
}

function conditionsOf (headers: IncomingHttpHeaders): Record<string, unknown> {
  return Object.fromEntries(SHOWN.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]))
}

/** The text of a date, so many seconds after the clock's now. */
export function dateAt (clock: FakeClock, seconds = 0): string {
  return new Date(clock.now() + seconds * 1000).toUTCString()
}
