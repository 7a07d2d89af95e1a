import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Test } from 'tap'
import { type CacheAdapter, createCache, type Store } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { listen, type Listener } from '../support/record-events.ts'
import { fakeClock, type FakeClock } from '../support/clock.ts'

export type Handler = (request: FastifyRequest, reply: FastifyReply, call: number) => unknown

export interface Site {
  app: FastifyInstance
  cache: CacheAdapter
  clock: FakeClock
  store: Store
  listener: Listener
  /** How often the handler ran. */
  calls: () => number
  /** The keys of what was kept, each time that it was. */
  kept: () => string[]
}

export interface Setting {
  clock?: FakeClock
  app?: FastifyInstance
  /** What comes before the page cache, and what comes after it. */
  before?: (app: FastifyInstance) => unknown
  after?: (app: FastifyInstance) => unknown
}

/** An app with one cached route at /page, for GET and HEAD, and POST to change it. */
export async function site (
  t: Test, makeStore: (t: Test, now: () => number) => Store, cachePage: CachePageOptions | number,
  handler: Handler = (_request, _reply, call) => `call ${call}`, {
    clock = fakeClock(), app = Fastify(), before, after
  }: Setting = {}
): Promise<Site> {
  const store = makeStore(t, clock.now)
  const cache = createCache({ store, now: clock.now, random: () => 0.5 })
  let calls = 0
  await before?.(app)
  await app.register(pageCache, { cache, now: clock.now })
  await after?.(app)
  app.get('/page', { config: { cachePage } }, async (request, reply) => handler(request, reply, ++calls))
  app.post('/page', async () => 'changed')
  t.teardown(() => app.close())
  await app.ready()
  const listener = listen(t, cache)
  const kept = () => listener.events.filter(({ type }) => type === 'set').map(({ key }) => String(key))
  return { app, cache, clock, store, listener, calls: () => calls, kept }
}

export async function ask (app: FastifyInstance, headers: Record<string, string | string[]> = {}, url = '/page') {
  const { statusCode, body, headers: fields } = await app.inject({ url, headers })
  return { statusCode, body, status: String(fields['cache-status']), headers: fields }
}
