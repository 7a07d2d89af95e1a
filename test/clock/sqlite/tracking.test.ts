import { setTimeout as sleep } from 'node:timers/promises'
import { count, desc, eq, gt, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { unionAll } from 'drizzle-orm/sqlite-core'
import type Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { type CacheAdapter, createCache, ignoreReads, isMiss, memoryStore } from '../../../src/cache/index.ts'
import { Clock } from '../../../src/clock/sqlite/clock.ts'
import type { Database, Sql } from '../../../src/db/index.ts'
import { trackReads } from '../../../src/clock/sqlite/tracking.ts'
import { products } from '../../../src/products/table.ts'
import { addProduct, type Clockwork, clockwork, reading } from './clock-support.ts'
import { moment } from '../../db/support.ts'

const one = (id: number) => eq(products.id, id)

/** Products 7 and 8, a maker for each, and a cache. */
function shop (t: Test): Clockwork & { cache: CacheAdapter, change: (id: number) => unknown } {
  const works = clockwork(
    t, "CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO makers VALUES (7, 'x'), (8, 'y')"
  )
  addProduct(works.other, 7, 8)
  const change = (id: number) => works.other.prepare('UPDATE products SET price = price + 1 WHERE id = ?').run(id)
  return { ...works, change, cache: createCache({ store: memoryStore(), versions: works.database.versions }) }
}

const price = (database: Database, id: number) => database.sql.select().from(products).where(one(id)).get()!.price

/** What is known of what is kept under a key; undefined where nothing is. */
async function tagsOf (cache: CacheAdapter, key: string): Promise<string[] | undefined> {
  const found = await cache.lookup(key)
  return isMiss(found) ? undefined : [...found.tags].sort()
}

/** Every way that Drizzle has to read product 7. */
const ROADS: Record<string, (sql: Sql) => unknown> = {
  all: (handle) => handle.select().from(products).where(one(7)).all(),
  get: (handle) => handle.select().from(products).where(one(7)).get(),
  values: (handle) => handle.select().from(products).where(one(7)).values(),
  run: (handle) => handle.select().from(products).where(one(7)).run(),
  'some columns': (handle) => handle.select({ price: products.price }).from(products).where(one(7)).all(),
  'a query that is awaited': async (handle) => await handle.select().from(products).where(one(7)),
  'a query that is awaited with others': async (handle) => await Promise.all([
    handle.select().from(products).where(one(7)), 1
  ]),
  'an answer that is a query': async (handle) => handle.select().from(products).where(one(7)),
  'a common table expression': (handle) => {
    const some = handle.$with('some').as(handle.select().from(products).where(one(7)))
    return handle.with(some).select().from(some).all()
  },
  'a subquery': (handle) => handle.select().from(handle.select().from(products).where(one(7)).as('some')).all(),
  'a union': (handle) => unionAll(
    handle.select().from(products).where(one(7)), handle.select().from(products).where(one(7))
  ).all(),
  'a number of rows': async (handle) => await handle.$count(products, one(7)),
  'a transaction of Drizzle': (handle) => handle.transaction(
    (inner) => inner.select().from(products).where(one(7)).all()
  ),
  'a part of a transaction of Drizzle': (handle) => handle.transaction(
    (outer) => outer.transaction((inner) => inner.select().from(products).where(one(7)).all())
  ),
  'a prepared query': (handle) => handle.select().from(products).where(
    eq(products.id, sql.placeholder('id'))
  ).prepare().all({ id: 7 }),
  'a prepared query, one row': (handle) => handle.select().from(products).where(
    eq(products.id, sql.placeholder('id'))
  ).prepare().get({ id: 7 }),
  'raw all': (handle) => handle.all(sql`SELECT * FROM products WHERE id = ${7}`),
  'raw get': (handle) => handle.get(sql`SELECT * FROM products WHERE id = ${7}`),
  'raw values': (handle) => handle.values(sql`SELECT * FROM products WHERE id = ${7}`),
  'raw run': (handle) => handle.run(sql`SELECT * FROM products WHERE id = ${7}`),
  'raw text': (handle) => handle.all('SELECT * FROM products WHERE id = 7')
}

t.test('however a load reads, its entry is invalid once the data changes, and not before', async (t) => {
  const { database, cache, change } = shop(t)
  for (const [road, read] of Object.entries(ROADS)) {
    let loads = 0
    const ask = () => cache.getOrSet(road, async () => {
      loads++
      await read(database.sql)
      return 'answer'
    })
    await ask()
    t.same(await tagsOf(cache, road), ['products:7'], road)
    change(8)
    await ask()
    t.equal(loads, 1)
    change(7)
    await ask()
    t.equal(loads, 2)
  }
})

t.test('relational queries of Drizzle are tracked', async (t) => {
  const { database: { versions }, connect } = shop(t)
  const reader = connect()
  const { query } = drizzle({
    client: reader, schema: { products }, logger: trackReads(reader, new Clock(reader, true), versions)
  })
  const tracked = (read: () => unknown) => reading({ versions } as Database, read).tags
  t.same(
    tracked(() => query.products.findMany({ where: gt(products.id, 7), orderBy: desc(products.id) }).sync()),
    ['products']
  )
  t.same(tracked(() => query.products.findFirst({ where: one(7) }).sync()), ['products:7'])
})

t.test('an entry depends on everything that its load read, and on nothing else', async (t) => {
  const { database, other, isCurrent } = shop(t)
  const handle = database.sql
  const { stamp, tags } = reading(database, () => {
    handle.all(sql`SELECT title FROM products JOIN makers ON name > title WHERE products.id = ${7}`)
    handle.select().from(products).where(one(8)).all()
    handle.select({ n: count() }).from(sql`makers`).all()
  })
  t.same(tags, ['makers', 'products:7', 'products:8'])
  addProduct(other, 9)
  t.equal(isCurrent(stamp, ...tags), true)
  other.exec("UPDATE makers SET name = 'z' WHERE id = 7")
  t.equal(isCurrent(stamp, ...tags), false)
})

t.test('reads of rows that do not exist yet are tracked', async (t) => {
  const { database, cache, other } = shop(t)
  const ask = () => cache.getOrSet('nine', () => database.sql.select().from(products).where(one(9)).get() ?? 'none')
  t.equal(await ask(), 'none')
  addProduct(other, 10)
  t.same(await tagsOf(cache, 'nine'), ['products:9'])
  addProduct(other, 9)
  t.match(await ask(), { id: 9 })
})

t.test('reads outside a load and in ignoreReads are not tracked', async (t) => {
  const { database, cache, connect } = shop(t)
  const reader = connect()
  let prepared = 0
  const counting = Object.assign(Object.create(reader), {
    prepare: (text: string) => {
      prepared++
      return reader.prepare(text)
    }
  }) as Sqlite.Database
  const logger = trackReads(counting, new Clock(reader, true), database.versions)
  logger.logQuery('SELECT * FROM products', [])
  t.equal(prepared, 0)
  reading(database, () => logger.logQuery('SELECT * FROM products', []))
  t.ok(prepared > 0)

  await cache.getOrSet('key', () => {
    ignoreReads(() => price(database, 8))
    return price(database, 7)
  })
  t.same(await tagsOf(cache, 'key'), ['products:7'])
})

t.test('late reads are tracked in every kind of callback', async (t) => {
  const { database, cache } = shop(t)
  const before = database.sql.select().from(products).where(one(7)) // does not run yet
  const paths: Record<string, () => Promise<unknown>> = {
    'after an await': async () => {
      await sleep(1)
      return price(database, 7)
    },
    'in a timer': () => new Promise((resolve) => { setTimeout(() => resolve(price(database, 7)), 1) }),
    'in an immediate': () => new Promise((resolve) => { setImmediate(() => resolve(price(database, 7))) }),
    'in a microtask': () => new Promise((resolve) => { queueMicrotask(() => resolve(price(database, 7))) }),
    'in the next tick': () => new Promise((resolve) => { process.nextTick(() => resolve(price(database, 7))) }),
    'in a chain of promises': () => Promise.resolve().then(() => 7).then((id) => price(database, id)).finally(() => {}),
    'a query of before, awaited now': async () => await before,
    'among others': async () => (await Promise.all([sleep(2), sleep(1).then(() => price(database, 7))]))[1],
    'with a handle of before': ((handle) =>
      async () => handle.select().from(products).where(one(7)).all())(database.sql)
  }
  for (const [path, load] of Object.entries(paths)) {
    await cache.getOrSet(path, load)
    t.same(await tagsOf(cache, path), ['products:7'], path)
  }
})

t.test('a loader that returns an unexecuted query is tracked', async (t) => {
  const { database, cache, change } = shop(t)
  const ask = () => cache.getOrSet('seven', () => database.sql.select().from(products).where(one(7)))
  t.match(await ask(), [{ price: '1' }])
  t.same(await tagsOf(cache, 'seven'), ['products:7'])
  change(7)
  t.match(await ask(), [{ price: '2' }])
})

t.test('concurrent loads are tracked separately', async (t) => {
  const { database, cache } = shop(t)
  const keys = Array.from({ length: 20 }, (_, i) => `${i}`)
  await Promise.all(keys.map((key, i) => cache.getOrSet(key, async () => {
    for (const id of [i, i + 100]) {
      await sleep(i % 3)
      await database.sql.select().from(products).where(one(id))
    }
    return 'answer'
  })))
  for (const [i, key] of keys.entries()) {
    t.same(await tagsOf(cache, key), [`products:${i}`, `products:${i + 100}`].sort())
  }
})

t.test('values nested in others', async (t) => {
  t.test('pass up what they read, whether they are stored or not', async (t) => {
    const { database, cache, change } = shop(t)
    const inner = (id: number) => cache.getOrSet(`inner ${id}`, () => price(database, id))
    await inner(7)
    const ask = () => cache.getOrSet('outer', async () => [await inner(7), await inner(8)].join())
    t.equal(await ask(), '1,1')
    t.same(await tagsOf(cache, 'outer'), ['products:7', 'products:8'])
    t.same(await tagsOf(cache, 'inner 8'), ['products:8'])
    change(8)
    t.equal(await cache.get('outer'), undefined)
    t.equal(await cache.get('inner 7'), '1')
    t.equal(await ask(), '1,2')
    change(7)
    t.equal(await ask(), '2,2')
  })

  t.test('a shared load passes its tags up to each caller', async (t) => {
    const { database, cache } = shop(t)
    const goOn = moment()
    const shared = () => cache.getOrSet('shared', async () => {
      await goOn.promise
      return price(database, 7)
    })
    const outer = ['a', 'b'].map((key) => cache.getOrSet(key, async () => {
      if (key === 'b') price(database, 8)
      return await shared()
    }))
    goOn.resolve()
    await Promise.all(outer)
    t.same(await tagsOf(cache, 'a'), ['products:7'])
    t.same(await tagsOf(cache, 'b'), ['products:7', 'products:8'])
  })

  t.test('also through get and getMany', async (t) => {
    const { database, cache } = shop(t)
    await cache.getOrSet('seven', () => price(database, 7))
    await cache.getOrSet('eight', () => price(database, 8))
    await cache.getOrSet('outer', async () => [await cache.get('seven'), ...(await cache.getMany(['eight'])).values()])
    t.same(await tagsOf(cache, 'outer'), ['products:7', 'products:8'])
  })
})

t.test('a value that may not be stored is returned, with the reason', async (t) => {
  const { database, cache, change } = shop(t)
  const load = async (work: () => unknown) => {
    await cache.delete('key')
    return await cache.load('key', work)
  }
  const uncommitted = { stored: false, notStoredBecause: 'uncommitted-read' }
  const unwatched = { stored: false, notStoredBecause: 'unwatched-read' }
  t.match(await load(() => database.transaction(() => price(database, 7))), { value: '1', ...uncommitted })
  t.match(await load(() => database.sql.all(sql`SELECT count(*) AS n FROM sqlite_schema`)), unwatched)
  t.match(await load(() => [price(database, 7), change(7)][0]), { value: '1', stored: false }, 'it changed meanwhile')
  t.match(await load(() => price(database, 7)), { value: '2', stored: true })

  t.test('also if the transaction had to wait', async (t) => {
    const goOn = moment()
    const first = database.transaction(() => goOn.promise)
    const waiting = load(async () => await database.transaction(() => price(database, 7)))
    goOn.resolve()
    await first
    t.match(await waiting, uncommitted)
  })

  t.test('also if a transaction that has ended handed it out', async (t) => {
    const handle = await database.transaction(() => database.sql)
    t.match(await load(() => handle.select().from(products).all().length), { value: 2, ...uncommitted })
  })
})
