import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { Agent } from 'undici'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import type { Time } from './time.ts'

/** Headers about the connection of a message. A reply may name others. */
const OF_CONNECTION = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade', 'expect'
])

/** A proxy without a thought of caching, behind the page cache. */
export async function startProxy (origin: string, { now }: Time): Promise<FastifyInstance> {
  const app = Fastify({ forceCloseConnections: true })
  const cache = createCache({ store: memoryStore({ now }), now })
  const upstream = new Agent()
  app.addHook('onClose', () => upstream.destroy())
  await app.register(pageCache, { cache, now })

  // Bodies go through as they are.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, body, done) => done(null, body))
  app.addHttpMethod('M-SEARCH', { hasBody: true })

  app.all('/*', { config: { cachePage: {} } }, async (request, reply) => {
    try {
      return await forward(request, reply)
    } catch {
      return reply.code(502).send('The origin did not answer.')
    }
  })

  async function forward ({ method, url, headers, body }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const answer = await upstream.request({
      origin,
      method,
      path: url,
      headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_CONNECTION.has(name))),
      body: (body ?? null) as never,
      onInfo: ({ statusCode, headers }) => {
        if (statusCode === 102) reply.raw.writeProcessing()
        else reply.raw.writeEarlyHints(headers)
      }
    })
    // As a whole, because a stream is stored only once it has ended.
    const content = Buffer.from(await answer.body.arrayBuffer())
    // The other headers of a connection stay, so that the page cache has to remove them before it stores the response.
    const { 'transfer-encoding': _, ...fields } = answer.headers
    return reply.code(answer.statusCode).headers(fields).send(content)
  }

  await app.listen({ port: 0, host: '127.0.0.1' })
  return app
}
