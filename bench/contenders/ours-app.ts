import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { type CacheAdapter, createCache, memoryStore, redisStore, tieredStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { openProducts } from '../../src/products/index.ts'
import { countRun } from '../support/account.ts'
import { HTML, PAGE } from '../support/page.ts'
import type { Sent } from './sent.ts'

/*
 * Serves cached pages, and bare routes that send the same bytes. Both run in one process, because two processes of the
 * same program differ by more than we measure. Arguments: a database, the URL of Redis, a file with the product list.
 */

const [, , path, url, listFile] = process.argv as [string, string, string, string, string]
const client = new Redis(url)
const database = openDatabase(`file:${path}`)
const app = Fastify()

const far = (prefix: string) => redisStore({ client, prefix })
const tiered = (prefix: string) => tieredStore({ near: memoryStore(), far: far(prefix) })

/** Serves a page with its own cache, in its own context, so that its hooks affect no other route. */
async function serveCached (url: string, cache: CacheAdapter, read?: () => Promise<unknown>): Promise<void> {
  await app.register(async (app) => {
    await app.register(pageCache, { cache })
    app.get(url, { config: { cachePage: 3600 } }, async (_request, reply) => {
      countRun()
      await read?.()
      return reply.type(HTML).send(PAGE)
    })
  })
}

/** Does the same with a page built from the product list, so that each hit is checked against the database. */
async function serveChecked (url: string, cache: CacheAdapter): Promise<void> {
  const products = await openProducts({ database, cache, now: Date.now, onSubscriberError: (error) => { throw error } })
  await serveCached(url, cache, () => products.list())
}

const { versions } = database
await serveCached('/memory', createCache({ store: memoryStore() }))
await serveChecked('/memory/clock', createCache({ store: memoryStore(), versions }))
await serveCached('/tiered', createCache({ store: tiered('tiered') }))
await serveChecked('/tiered/clock', createCache({ store: tiered('clock'), versions }))
await serveCached('/redis', createCache({ store: far('far') }))

/** The headers of a hit, except those that Node and Fastify add to every response. */
let fields: Record<string, string> = {}
const bytes = Buffer.from(PAGE)
app.get('/bare/string', (_request, reply) => { reply.headers(fields).send(PAGE) })
app.get('/bare/turn', (_request, reply) => { setImmediate(() => { reply.headers(fields).send(PAGE) }) })
app.get('/bare/buffer', (_request, reply) => { reply.headers(fields).send(bytes) })
app.get('/bare/redis', async (_request, reply) => reply.headers(fields).send(await client.getBuffer('bare')))
await client.set('bare', bytes)

const list: Sent = JSON.parse(readFileSync(listFile, 'utf8'))
const listBytes = Buffer.from(list.body) // for a body of this length that is faster than a string
app.get('/bare/list', (_request, reply) => { reply.headers(list.fields).send(listBytes) })

await app.inject('/memory')
const { headers } = await app.inject('/memory')
const { date, connection, 'content-length': length, ...others } = headers
fields = Object.fromEntries(Object.entries(others).map(([name, value]) => [name, String(value)]))

console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
