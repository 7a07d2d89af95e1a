import Fastify, { type FastifyRequest } from 'fastify'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { countRun } from '../support/account.ts'
import { HTML } from '../support/page.ts'

/* Serves pages of any size, cached in memory and without a cache. */
const app = Fastify()
const bodies = new Map<number, string>()
const getBody = ({ params }: FastifyRequest) => {
  const size = Number((params as { size: string }).size)
  if (!bodies.has(size)) bodies.set(size, 'x'.repeat(size))
  return bodies.get(size)!
}

app.get('/bare/:size', async (request, reply) => reply.type(HTML).send(getBody(request)))
await app.register(async (app) => {
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  const config = { cachePage: { ttl: 3600, maxBytes: 2 * 1024 * 1024 } }
  app.get('/cached/:size', { config }, async (request, reply) => {
    countRun()
    return reply.type(HTML).send(getBody(request))
  })
})

console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
