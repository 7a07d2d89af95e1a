import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { type Cache, createCache } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { type Listener, listen } from '../support/record-events.ts'
import { fakeClock, type FakeClock } from '../support/clock.ts'
import { pageStores } from './stores.ts'

export type Handler = (request: FastifyRequest, reply: FastifyReply, call: number) => unknown
export interface Site { app: FastifyInstance, cache: Cache, clock: FakeClock, listener: Listener, calls: () => number }

export const stores = await pageStores(t)

export interface Setting { store?: string, random?: () => number, app?: FastifyInstance }

/** An app with one cached route at /page, whose handler answers the number of its call unless it is given another. */
export async function site (
  t: Test, cachePage: CachePageOptions, handler: Handler = (_request, _reply, call) => `call ${call}`,
  setting: Setting = {}
): Promise<Site> {
  const clock = fakeClock()
  const { store = 'memory', random = () => 0.5, app = Fastify() } = setting
  const cache = createCache({ store: stores[store]!(t, clock.now), now: clock.now, random })
  let calls = 0
  await app.register(pageCache, { cache, now: clock.now })
  app.get('/page', { config: { cachePage } }, async (request, reply) => handler(request, reply, ++calls))
  t.teardown(() => app.close())
  await app.ready()
  return { app, cache, clock, listener: listen(t, cache), calls: () => calls }
}

export async function ask (app: FastifyInstance, headers: Record<string, string> = {}) {
  const { statusCode, body, headers: fields } = await app.inject({ url: '/page', headers })
  return { statusCode, body, status: fields['cache-status'], headers: fields }
}
