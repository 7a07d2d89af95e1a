import Fastify, { type FastifyInstance, type FastifyRequest, type RouteOptions } from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { sendRequest } from '../support/create-test-app.ts'

type Read = () => Promise<void>

/** The places in which code of an application runs after the page cache has begun with a request. */
const PLACES: Record<string, (read: Read, app: FastifyInstance) => Partial<RouteOptions>> = {
  'the handler': () => ({}),
  'a later onRequest hook of the scope': (read, app) => {
    app.addHook('onRequest', async () => { await read() })
    return {}
  },
  'an onRequest hook of the route': (read) => ({ onRequest: async () => { await read() } }),
  'a preParsing hook': (read) => ({ preParsing: async () => { await read() } }),
  'a preValidation hook': (read) => ({ preValidation: [async () => { await read() }] }),
  'a preHandler hook': (read) => ({ preHandler: async () => { await read() } }),
  'a later plugin that wraps the handler': (read, app) => {
    app.addHook('onRoute', (route) => {
      const { handler } = route
      route.handler = async function (request, reply) {
        await read()
        return await handler.call(this, request, reply)
      }
    })
    return {}
  },
  'a validator': (read) => ({
    schema: { querystring: {} },
    validatorCompiler: () => (async () => { await read() }) as never
  }),
  'the option key': (read) => ({
    config: {
      cachePage: {
        ttl: 60,
        key: (request) => {
          (request as FastifyRequest & { read?: Promise<void> }).read = read()
          return ''
        }
      }
    }
  })
}

for (const isLate of [false, true]) {
  const when = isLate ? 'a route that is declared before the page cache is loaded' : 'a route'
  for (const [place, put] of Object.entries(PLACES)) {
    if (isLate && place.startsWith('a later')) continue
    t.test(`a response of ${when} depends on what ${place} has read from a cache`, async (t) => {
      const cache = createCache({ store: memoryStore() })
      const read = async () => { await cache.getOrSet('value', () => 1, { tags: ['value'] }) }
      const app = Fastify()
      t.teardown(() => app.close())
      let calls = 0
      let own: Partial<RouteOptions> = {}
      const declare = () => app.route({
        method: 'GET',
        url: '/page',
        config: { cachePage: 60 },
        handler: async (request) => {
          if (place === 'the handler') await read()
          await (request as FastifyRequest & { read?: Promise<void> }).read
          return `call ${++calls}`
        },
        ...own
      })
      if (isLate) {
        own = put(read, app)
        declare()
      }
      await app.register(pageCache, { cache })
      if (!isLate) {
        own = put(read, app)
        declare()
      }
      const get = async () => (await sendRequest(app, { url: '/page' })).body
      t.equal(await get(), 'call 1')
      t.equal(await get(), 'call 1')
      await cache.invalidateTags(['value'])
      t.equal(await get(), 'call 2')
    })
  }
}
