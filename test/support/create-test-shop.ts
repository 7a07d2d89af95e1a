import Fastify, { type FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { createCache } from '../../src/cache/index.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { sendRequest } from './create-test-app.ts'
import type { MakeStore } from './page-stores.ts'

/** An app whose pages show how often a handler ran, and whose other methods send the response of `change`. */
export async function createTestShop (
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
  let response: { status?: number, headers?: Record<string, string> } = {}
  app.route({
    method: ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PURGE'],
    url: '/*',
    handler: async (_request, reply) => reply.code(response.status ?? 204).headers(response.headers ?? {}).send()
  })
  t.teardown(() => app.close())
  const isStored = async (
    url: string, headers: Record<string, string> = {}
  ) => (await sendRequest(app, { url, headers })).status.startsWith('hit')
  /** Requests the page twice, so that it is stored. */
  const storePage = async (url: string, headers: Record<string, string> = {}) => {
    await isStored(url, headers)
    t.ok(await isStored(url, headers), `${url} is stored`)
  }
  const change = async (
    method: string, url: string,
    { headers = {}, ...answer }: { status?: number, headers?: Record<string, string>, host?: string } = {}
  ) => {
    response = { ...answer, headers }
    return await app.inject({
      method: method as 'POST', url, headers: answer.host === undefined ? {} : { host: answer.host }
    })
  }
  return { app, cache, store, isStored, storePage, change }
}
