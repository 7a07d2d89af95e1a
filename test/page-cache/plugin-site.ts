import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { type Cache, createCache, type Store } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { fakeClock, type FakeClock } from '../support/clock.ts'
import { pageStores } from './stores.ts'

export interface Site { app: FastifyInstance, cache: Cache, clock: FakeClock, store: Store, calls: () => number }

export type Handler = (request: FastifyRequest, reply: FastifyReply, call: number) => unknown

export const stores = await pageStores(t)

/** An app with one cached route at /page. */
export async function site (
  t: Test, storeName: string, cachePage: CachePageOptions | number,
  handler: Handler = (_request, _reply, call) => `call ${call}`
): Promise<Site> {
  const clock = fakeClock()
  const store = stores[storeName]!(t, clock.now)
  const cache = createCache({ store, now: clock.now })
  const app = Fastify()
  let calls = 0
  await app.register(pageCache, { cache, now: clock.now })
  app.route({
    method: ['GET', 'POST'],
    url: '/page',
    config: { cachePage },
    handler: async (request, reply) => handler(request, reply, ++calls)
  })
  t.teardown(() => app.close())
  await app.ready()
  return { app, cache, clock, store, calls: () => calls }
}
