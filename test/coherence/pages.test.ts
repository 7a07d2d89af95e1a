import { AsyncResource } from 'node:async_hooks'
import { once } from 'node:events'
import Sqlite from 'better-sqlite3'
import { eq, sql } from 'drizzle-orm'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { type Cache, createCache, ignoreReads, memoryStore, type Store } from '../../src/cache/index.ts'
import { type Database, openDatabase } from '../../src/db/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { createProducts, type Products } from '../../src/products/index.ts'
import { products as table } from '../../src/products/table.ts'
import { startRedis } from '../support/redis.ts'
import { patientRedisStore } from '../support/patient-redis-store.ts'

/** Pages made from a database, with nothing said but a `ttl`. */
const cached = { config: { cachePage: { ttl: 900 } } }

interface Site {
  app: FastifyInstance
  cache: Cache
  database: Database
  products: Products
  /** Another program, which knows nothing of any cache. */
  other: Sqlite.Database
}

/** One process: five products, in a file that may be shared. */
async function site (t: Test, store: Store = memoryStore(), path = `${t.testdir()}/larder.db`): Promise<Site> {
  const database = openDatabase(`file:${path}`)
  const cache = createCache({ store, versions: database.versions })
  const products = createProducts({ database, cache, now: Date.now, onSubscriberError: (error) => { throw error } })
  if (await products.count() === 0) await products.createMany(['a', 'b', 'c', 'd', 'e'].map((title) => ({ title, price: '1' })))
  const other = new Sqlite(path)
  const app = Fastify()
  await app.register(pageCache, { cache })
  t.teardown(async () => {
    await app.close()
    other.close()
    database.close()
  })
  app.get('/list', cached, () => products.list())
  app.get<{ Params: { id: string } }>('/products/:id', cached, async ({ params: { id } }) => await products.find(Number(id)) ?? 'none')
  return { app, cache, database, products, other }
}

/** What the page cache says: `hit`, or why not. */
async function status (app: FastifyInstance, url: string): Promise<string> {
  const header = (await app.inject(url)).headers['cache-status'] as string
  return header === undefined ? 'none' : header.includes('; hit') ? 'hit' : /detail=([\w-]+)/.exec(header)?.[1] ?? /fwd=([\w-]+)/.exec(header)![1]!
}

/** Asks for all pages once, so that they are kept, and checks that they are. */
async function warm (t: Test, app: FastifyInstance, urls: string[]): Promise<void> {
  for (const url of urls) await app.inject(url)
  for (const url of urls) t.equal(await status(app, url), 'hit', `${url} is kept`)
}

const PAGES = ['/list', '/products/2', '/products/3', '/products/99']

t.test('a change by any road makes exactly the affected pages stale', async (t) => {
  const changes: Record<string, { change: (site: Site) => unknown, stale: string[] }> = {
    'the repository': { change: ({ products }) => products.update(2, { price: '2' }), stale: ['/list', '/products/2'] },
    'the repository, in bulk': { change: ({ products }) => products.updateMany({ ids: [2, 3] }, { price: '2' }), stale: ['/list', '/products/2', '/products/3'] },
    'the repository, a new one': { change: ({ products }) => products.create({ title: 'f', price: '1' }), stale: ['/list'] },
    'another program, one row': { change: ({ other }) => other.exec("UPDATE products SET price = '2' WHERE id = 3"), stale: ['/list', '/products/3'] },
    'another program, all rows': { change: ({ other }) => other.exec("UPDATE products SET price = '2'"), stale: ['/list', '/products/2', '/products/3'] },
    'another program, a deletion of all': { change: ({ other }) => other.exec('DELETE FROM products'), stale: ['/list', '/products/2', '/products/3'] },
    'another program, a row that was asked for in vain': {
      change: ({ other }) => other.exec("INSERT INTO products (id, title, price) VALUES (99, 'z', '1')"), stale: ['/list', '/products/99']
    },
    'another program, an update that matches nothing': { change: ({ other }) => other.exec("UPDATE products SET price = '2' WHERE id = 77"), stale: [] },
    'another program, what it takes back': { change: ({ other }) => other.exec("BEGIN; UPDATE products SET price = '2'; ROLLBACK"), stale: [] },
    'the repository, what it takes back': {
      change: ({ products }) => products.transaction(async () => {
        await products.updateMany({}, { price: '2' })
        throw new Error('no')
      }).catch(() => {}),
      stale: []
    },
    'the name of the table': { change: ({ cache }) => cache.invalidateTags(['products']), stale: ['/list'] },
    'the name of a row': { change: ({ cache }) => cache.invalidateTags(['products:2']), stale: ['/list', '/products/2'] },
    'any other name': { change: ({ cache }) => cache.invalidateTags(['kitchen']), stale: [] }
  }
  for (const [name, { change, stale }] of Object.entries(changes)) {
    await t.test(name, async (t) => {
      const it = await site(t)
      await warm(t, it.app, PAGES)
      await change(it)
      for (const url of PAGES) t.equal(await status(it.app, url), stale.includes(url) ? 'invalidated' : 'hit', url)
      await warm(t, it.app, PAGES)
    })
  }
})

t.test('pages of every make know what they read', async (t) => {
  const { app, cache, database, products, other } = await site(t)
  other.exec(`CREATE TABLE shelves (id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL, place TEXT NOT NULL);
    CREATE VIEW places AS SELECT place, title FROM shelves JOIN products ON products.id = product_id;
    INSERT INTO shelves VALUES (1, 2, 'left'), (2, 3, 'right')`)
  const again = openDatabase(`file:${other.name}`) // the table came without triggers; a start sees to that
  t.teardown(() => again.close())

  app.get('/view', cached, () => database.sql.all(sql`SELECT * FROM places`))
  app.get('/nested', cached, () => cache.getOrSet('count', () => products.count()))
  app.get('/row-of-shelf', cached, () => database.sql.all(sql`SELECT place FROM shelves WHERE id = ${2}`))
  app.get('/guarded', {
    ...cached,
    preHandler: async (request) => { Object.assign(request, { found: await products.find(2) }) }
  }, async (request) => (request as unknown as { found: unknown }).found)
  app.get('/ignoring', {
    ...cached,
    onRequest: async () => { await ignoreReads(() => products.find(3)) }
  }, () => products.find(2))
  app.get('/late', cached, (_request, reply) => {
    setTimeout(() => reply.send(database.sql.select().from(table).where(eq(table.id, 2)).all()), 1)
  })
  const pages = ['/view', '/nested', '/row-of-shelf', '/guarded', '/ignoring', '/late']
  const expected: Array<[change: string, stale: string[]]> = [
    ["UPDATE products SET price = '3' WHERE id = 2", ['/view', '/nested', '/guarded', '/ignoring', '/late']],
    ["UPDATE products SET price = '3' WHERE id = 3", ['/view', '/nested']],
    ["UPDATE shelves SET place = 'up' WHERE id = 1", ['/view']],
    ["UPDATE shelves SET place = 'up' WHERE id = 2", ['/view', '/row-of-shelf']]
  ]
  for (const [change, stale] of expected) {
    await warm(t, app, pages)
    other.exec(change)
    // The nested value is asked for by its page alone, whose status tells of the page.
    for (const url of pages) t.equal(await status(app, url), stale.includes(url) ? 'invalidated' : 'hit', `${url} after ${change}`)
  }
})

t.test('concurrent pages do not mix what they read', async (t) => {
  const { app, other } = await site(t)
  const urls = [1, 2, 3, 4, 5].map((id) => `/products/${id}`)
  await Promise.all(urls.map((url) => app.inject(url)))
  other.exec("UPDATE products SET price = '4' WHERE id = 4")
  for (const url of urls) t.equal(await status(app, url), url === '/products/4' ? 'invalidated' : 'hit', url)
})

t.test('a page that was overtaken by a write is sent to the one who made it, and to nobody else', async (t) => {
  const { app, products, other } = await site(t)
  const began = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  let calls = 0
  app.get('/slow', cached, async () => {
    const { price } = (await products.find(1))!
    if (++calls === 1) {
      began.resolve()
      await release.promise
    }
    return price
  })
  const first = app.inject('/slow')
  await began.promise
  const second = app.inject('/slow') // joins
  await new Promise(setImmediate)
  other.exec("UPDATE products SET price = 'new' WHERE id = 1")
  t.equal((await app.inject('/slow')).body, 'new', 'who comes after the write does not wait for what began before it')
  release.resolve()
  t.equal((await first).body, '1')
  t.equal((await second).body, 'new', 'who waited gets what is kept by now')
  t.match((await first).headers['cache-status'], 'detail=outdated')
  t.equal((await app.inject('/slow')).body, 'new')
  t.equal(calls, 2)
})

t.test('what cannot be verified is not kept, and the page says why', async (t) => {
  const { app, database, products, other } = await site(t)
  app.get('/transaction', cached, () => products.transaction(() => products.find(1)))
  app.get('/clock', cached, () => database.sql.all(sql`SELECT * FROM larder_clock`))
  other.exec('CREATE TABLE unwatched (id INTEGER PRIMARY KEY)')
  app.get('/unwatched', cached, () => database.sql.all(sql`SELECT * FROM unwatched`))
  for (const [url, detail] of [['/transaction', 'uncommitted-read'], ['/clock', 'unwatched-read'], ['/unwatched', 'unwatched-read']] as const) {
    t.equal(await status(app, url), detail, url)
    t.equal(await status(app, url), detail, url)
  }
})

t.test('a hook that leaves the path of awaits loses nothing', async (t) => {
  const { app, products, other } = await site(t)
  const elsewhere = new AsyncResource('elsewhere')
  const preHandler = (_request: unknown, _reply: unknown, done: () => void) => {
    products.find(3).finally(() => elsewhere.runInAsyncScope(done))
  }
  app.get('/elsewhere', { ...cached, preHandler }, () => products.find(2))
  for (const id of [2, 3]) {
    await warm(t, app, ['/elsewhere'])
    other.exec(`UPDATE products SET price = '3' WHERE id = ${id}`)
    t.equal(await status(app, '/elsewhere'), 'invalidated')
  }
})

t.test('routes that are not cached collect nothing', async (t) => {
  const { app, products } = await site(t)
  app.get('/plain', () => products.find(2))
  t.match((await app.inject('/plain')).json(), { id: 2 })
  t.equal(await status(app, '/plain'), 'none')
})

t.test('processes that share a Redis and a database', async (t) => {
  const { url } = await startRedis(t)
  const path = `${t.testdir()}/larder.db`
  const processes = await Promise.all([1, 2].map(async () => {
    const client = new Redis(url)
    t.teardown(() => client.disconnect())
    await once(client, 'ready')
    return { client, ...await site(t, patientRedisStore({ client }), path) }
  }))
  const [one, two] = processes as [typeof processes[0], typeof processes[0]]

  t.test('each serves what the other kept, until somebody writes', async (t) => {
    await one.app.inject('/list')
    t.equal(await status(two.app, '/list'), 'hit')
    t.equal(await two.products.list().then(({ cached }) => cached), 'hit')
    two.other.exec("UPDATE products SET price = '2' WHERE id = 2")
    t.equal(await status(two.app, '/list'), 'invalidated')
    t.equal(await status(one.app, '/list'), 'hit', 'what the other has renewed')
  })

  t.test('a Redis that comes back with old data brings nothing old back', async (t) => {
    await one.app.inject('/list')
    const keys = await one.client.keys('*')
    const copies = await Promise.all(keys.map(async (key) => [key, (await one.client.getBuffer(key))!] as const))
    await one.products.update(1, { price: '9' })
    await one.client.flushall()
    for (const [key, value] of copies) await one.client.set(key, value)
    t.equal(await status(two.app, '/list'), 'invalidated')
    t.equal((await two.products.list()).items.find(({ id }) => id === 1)!.price, '9')
  })
})
