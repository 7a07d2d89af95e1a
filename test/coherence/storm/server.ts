import { setTimeout as sleep } from 'node:timers/promises'
import { eq, sql } from 'drizzle-orm'
import Fastify, { type FastifyReply } from 'fastify'
import { createCache, memoryStore, redisStore, tieredStore } from '../../../src/cache/index.ts'
import { openDatabase } from '../../../src/db/index.ts'
import pageCache from '../../../src/page-cache/index.ts'
import redis from '../../../src/plugins/redis.ts'
import { openProducts } from '../../../src/products/index.ts'
import { invalidateProductList } from '../../../src/products/invalidation.ts'
import { products as table } from '../../../src/products/sqlite/table.ts'

/*
 * A process of the storm: other pages and values of the same products, with the same file, Redis and prefix as the
 * service. Responses contain rows as pairs of an id and the number that is stored in the row.
 */

const { DATABASE_URL, REDIS_URL, CACHE_KEY_PREFIX, NEAR } = process.env as Record<string, string>
const SECONDS = 300

const app = Fastify()
const database = openDatabase(DATABASE_URL as `file:${string}`)
await app.register(redis, { url: REDIS_URL! })
const far = redisStore({ client: app.redis, prefix: CACHE_KEY_PREFIX! })
const store = NEAR === '' ? far : tieredStore({ near: memoryStore(), far })
const cache = createCache({ store, versions: database.versions, ttl: SECONDS })
const products = await openProducts({ database, cache, now: Date.now, onSubscriberError: () => {} })
invalidateProductList(products, cache)
await app.register(pageCache, { cache, ttl: SECONDS })

type Pair = [id: number, n: number]

const readAll = async (): Promise<Pair[]> =>
  (await database.sql.select({ id: table.id, price: table.price }).from(table).all())
    .map(({ id, price }) => [id, Number(price)])

const readOne = async (id: number): Promise<Pair[]> =>
  (await database.sql.select().from(table).where(eq(table.id, id)).all()).map(({ price }) => [id, Number(price)])

const slowly = async () => {
  const before = await readAll()
  await sleep(2)
  return before
}

const page = (ttl = SECONDS) => ({ config: { cachePage: { ttl } } })

app.get('/pages/list', page(), async () => ({ products: await readAll() }))

// The absence of a product is cached like any other response.
app.get<{ Params: { id: string } }>('/pages/one/:id', page(), async ({ params: { id } }) => {
  return { products: await readOne(Number(id)) }
})

app.get('/pages/view', page(), async () => {
  const rows = await database.sql.all<{ id: number, price: string, amount: number }>(sql`SELECT * FROM priced_stock`)
  return {
    products: rows.map(({ id, price }) => [id, Number(price)]),
    stock: rows.map(({ id, amount }) => [id, amount])
  }
})

app.get('/pages/slow', page(), async () => {
  const before = await slowly()
  return { products: await readAll(), before }
})

// This page reads one row itself, and the others through a cached value.
app.get('/pages/nested', page(), async () => {
  return { products: await cache.getOrSet('nested', slowly), first: await readOne(1) }
})

app.get('/pages/short', page(0.05), async () => {
  const { items } = await products.list()
  return { products: items.map(({ id, price }) => [id, Number(price)]) }
})

app.get('/values/refreshed', async (request, reply) => {
  const options = { ttl: 0.05, staleWhileRevalidate: SECONDS }
  return { products: await mark(reply, (load) => cache.getOrSet('refreshed', load, options), slowly) }
})

app.get<{ Params: { id: string } }>('/values/one/:id', async ({ params: { id } }, reply) => {
  return { products: await mark(reply, (load) => cache.getOrSet(`one ${id}`, load), async () => readOne(Number(id))) }
})

/** Marks a response as a miss if this request loaded its value, else as a hit. */
async function mark (
  reply: FastifyReply, get: (load: () => Promise<Pair[]>) => Promise<Pair[]>, load: () => Promise<Pair[]>
): Promise<Pair[]> {
  let mine: Pair[] | undefined
  const value = await get(async () => (mine = await load()))
  reply.header('server-timing', `value;desc="${value === mine ? 'miss' : 'hit'}"`)
  return value
}

interface TransactionBody { ids: number[], n: number, wait: number, fail: boolean, die: boolean }

/** Makes several changes in one transaction, and reads through the cache inside it. */
app.post<{ Body: TransactionBody }>('/transactions', async (request, reply) => {
  const { ids, n, wait, fail, die } = request.body
  const touched: number[] = []
  let seen: Pair[] = []
  const undo = new Error('undone')
  try {
    await database.transaction(async () => {
      // The first callback after the commit: no other one runs, and no other process is notified.
      if (die) database.afterCommit(() => process.kill(process.pid, 'SIGKILL'))
      for (const id of ids) {
        if (await products.update(id, { price: String(n) }) !== undefined) touched.push(id)
        await database.sql.run(sql`UPDATE stock SET amount = ${n} WHERE id = ${id}`)
        await sleep(wait)
      }
      seen = await cache.getOrSet('nested', slowly)
      if (fail) throw undo
    })
  } catch (error) {
    if (error !== undo) throw error
    reply.code(409)
  }
  return { touched, seen }
})

console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
