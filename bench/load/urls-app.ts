import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { createCache, memoryStore, redisStore, tieredStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'

/* A small page at any number of URLs. Optional argument: the socket of a Redis for L2. */

const MAX_BYTES = 32 * 1024 * 1024
const BODY = '<p>All that a page says.</p>\n'.repeat(10)

const [, , socket] = process.argv
const near = memoryStore({ maxBytes: MAX_BYTES })
const store = socket === undefined
  ? near
  : tieredStore({ near, far: redisStore({ client: new Redis({ path: socket }) }) })
const cache = createCache({ store })
const app = Fastify()
await app.register(pageCache, { cache })
app.get('/page/:number', { config: { cachePage: 300 } }, (_request, reply) => {
  reply.type('text/html; charset=utf-8').send(BODY)
})

app.get('/memory', async () => {
  for (let i = 0; i < 3; i++) await globalThis.gc!({ type: 'major', execution: 'async' })
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return { used: heapUsed + arrayBuffers, rss }
})

console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
