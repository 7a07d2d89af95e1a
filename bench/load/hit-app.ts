import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { type Cache, createCache, memoryStore, redisStore, tieredStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { createProducts } from '../../src/products/index.ts'
import { PAGE } from './page.ts'

/**
 * Serves kept pages, and beside them bare routes that send the same bytes: in one process, since processes of the same
 * program differ by more than is measured here. The words are the path of its database and the socket of Redis.
 */

const [, , path, socket] = process.argv as [string, string, string, string]
const client = new Redis({ path: socket })
const database = openDatabase(`file:${path}`)
const app = Fastify()

const tagged = createCache({ store: memoryStore(), versions: database.versions })
const products = createProducts({ database, cache: tagged, now: Date.now, onSubscriberError: (error) => { throw error } })
const far = (prefix: string) => redisStore({ client, prefix })

/** A page in a cache of its own, in a context of its own, so that its hooks touch no other route. */
async function keep (url: string, cache: Cache, read: () => unknown): Promise<void> {
  await app.register(async (app) => {
    await app.register(pageCache, { cache })
    app.get(url, { config: { cachePage: 300 } }, async (_request, reply) => {
      await read()
      return reply.type('text/html; charset=utf-8').send(PAGE)
    })
  })
}

await keep('/near', createCache({ store: tieredStore({ near: memoryStore(), far: far('near') }) }), () => {})
await keep('/tagged', tagged, () => products.list())
await keep('/redis', createCache({ store: far('far') }), () => {})

/** The fields of a hit; those that Node and Fastify add to every answer are theirs here too. */
let fields: Record<string, string> = {}
const bytes = Buffer.from(PAGE)
app.get('/bare/buffer', (_request, reply) => { reply.headers(fields).send(bytes) })
app.get('/bare/string', (_request, reply) => { reply.headers(fields).send(PAGE) })
app.get('/bare/redis', async (_request, reply) => reply.headers(fields).send(await client.getBuffer('bare')))

app.get('/cpu', async () => process.cpuUsage())

await client.set('bare', bytes)
await app.inject('/near')
const { headers } = await app.inject('/near')
const { date, connection, 'content-length': length, ...kept } = headers
fields = Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, String(value)]))

console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
