import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { createCache, memoryStore, redisStore, tieredStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { PAGE } from '../support/page.ts'

/* One of several processes that share a Redis, with a slow page. Arguments: the socket of Redis, milliseconds. */

const [, , socket, ms] = process.argv as [string, string, string, string]
const client = new Redis({ path: socket })
const app = Fastify()
const store = tieredStore({ near: memoryStore(), far: redisStore({ client }) })
await app.register(pageCache, { cache: createCache({ store }) })

/** Ends of the runs of the handler since the last request of /runs, in milliseconds since 1970. */
let runs: number[] = []

app.get('/slow', { config: { cachePage: 300 } }, async (_request, reply) => {
  await sleep(Number(ms))
  runs.push(performance.timeOrigin + performance.now())
  return reply.type('text/html; charset=utf-8').send(PAGE)
})

app.get('/runs', async () => {
  const reported = runs
  runs = []
  return reported
})

console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
