import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { type Cache, createCache, memoryStore, redisStore, tieredStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { createProducts } from '../../src/products/index.ts'
import { countRun } from '../support/account.ts'
import { HTML, PAGE } from '../support/page.ts'
import type { Sent } from './sent.ts'

/**
 * Serves kept pages, and beside them bare routes that send the same bytes: in one process, since processes of the same
 * program differ by more than is measured here. The words: a database, the URL of Redis, a file with the product list.
 */

const [, , path, url, listFile] = process.argv as [string, string, string, string, string]
const client = new Redis(url)
const database = openDatabase(`file:${path}`)
const app = Fastify()

const far = (prefix: string) => redisStore({ client, prefix })
const tiered = (prefix: string) => tieredStore({ near: memoryStore(), far: far(prefix) })

/** A page in a cache of its own, in a context of its own, so that its hooks touch no other route. */
async function keep (url: string, cache: Cache, read?: () => Promise<unknown>): Promise<void> {
  await app.register(async (app) => {
    await app.register(pageCache, { cache })
    app.get(url, { config: { cachePage: 3600 } }, async (_request, reply) => {
      countRun()
      await read?.()
      return reply.type(HTML).send(PAGE)
    })
  })
}

/** The same, made of the product list, so that each hit asks the database whether it is still true. */
async function keepChecked (url: string, cache: Cache): Promise<void> {
  const products = createProducts({ database, cache, now: Date.now, onSubscriberError: (error) => { throw error } })
  await keep(url, cache, () => products.list())
}

const { versions } = database
await keep('/memory', createCache({ store: memoryStore() }))
await keepChecked('/memory/clock', createCache({ store: memoryStore(), versions }))
await keep('/tiered', createCache({ store: tiered('tiered') }))
await keepChecked('/tiered/clock', createCache({ store: tiered('clock'), versions }))
await keep('/redis', createCache({ store: far('far') }))

/** The fields of a hit; those that Node and Fastify add to every answer are theirs here too. */
let fields: Record<string, string> = {}
const bytes = Buffer.from(PAGE)
app.get('/bare/string', (_request, reply) => { reply.headers(fields).send(PAGE) })
app.get('/bare/turn', (_request, reply) => { setImmediate(() => { reply.headers(fields).send(PAGE) }) })
app.get('/bare/buffer', (_request, reply) => { reply.headers(fields).send(bytes) })
app.get('/bare/redis', async (_request, reply) => reply.headers(fields).send(await client.getBuffer('bare')))
await client.set('bare', bytes)

const list: Sent = JSON.parse(readFileSync(listFile, 'utf8'))
const listBytes = Buffer.from(list.body) // at its length that is faster than a string
app.get('/bare/list', (_request, reply) => { reply.headers(list.fields).send(listBytes) })

await app.inject('/memory')
const { headers } = await app.inject('/memory')
const { date, connection, 'content-length': length, ...kept } = headers
fields = Object.fromEntries(Object.entries(kept).map(([name, value]) => [name, String(value)]))

console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
