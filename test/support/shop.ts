import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { createCache } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { sendRequest } from './create-test-app.ts'
import type { MakeStore } from './page-stores.ts'

/** An app whose pages tell how often any was made, and whose other methods answer what they are told to. */
export async function shop (
  t: Test, makeStore: MakeStore, cachePage: CachePageOptions = { ttl: 60 }, app: FastifyInstance = Fastify()
) {
  const store = makeStore(t, Date.now)
  const cache = createCache({ store })
  await app.register(pageCache, { cache })
  app.addHttpMethod('PURGE')
  let made = 0
  app.get('/items/:id', { config: { cachePage } }, async () => `made ${++made}`)
  app.get(
    '/groups/:name', { config: { cachePage } },
    async (request, reply) => reply.header(
      'cache-groups', (request.params as { name: string }).name.split('+').map((name) => `"${name}"`).join(', ')
    ).send(`made ${++made}`)
  )
  let told: { status?: number, headers?: Record<string, string> } = {}
  app.route({
    method: ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PURGE'],
    url: '/*',
    handler: async (_request, reply) => reply.code(told.status ?? 204).headers(told.headers ?? {}).send()
  })
  t.teardown(() => app.close())
  const isKept = async (
    url: string, headers: Record<string, string> = {}
  ) => (await sendRequest(app, { url, headers })).status.startsWith('hit')
  /** Asks twice, so that the page is kept. */
  const keep = async (url: string, headers: Record<string, string> = {}) => {
    await isKept(url, headers)
    t.ok(await isKept(url, headers), `${url} is kept`)
  }
  const change = async (
    method: string, url: string,
    { headers = {}, ...answer }: { status?: number, headers?: Record<string, string>, host?: string } = {}
  ) => {
    told = { ...answer, headers }
    return await app.inject({
      method: method as 'POST', url, headers: answer.host === undefined ? {} : { host: answer.host }
    })
  }
  return { app, cache, store, isKept, keep, change }
}
