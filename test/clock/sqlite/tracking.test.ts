import { setTimeout as sleep } from 'node:timers/promises'
import { count, desc, eq, gt, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { unionAll } from 'drizzle-orm/sqlite-core'
import type Sqlite from 'better-sqlite3'
import t from 'tap'
import { ignoreReads } from '../../../src/cache/index.ts'
import { Clock } from '../../../src/clock/sqlite/clock.ts'
import type { Sql, SqliteDatabase } from '../../../src/db/index.ts'
import { trackReads } from '../../../src/clock/sqlite/tracking.ts'
import { products } from '../../../src/products/sqlite/table.ts'
import { createTrackedShop, one, readTags, price } from '../../support/tracked-shop.ts'
import { addProduct, reading } from './clock-support.ts'

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
  const { database, cache, change } = createTrackedShop(t)
  for (const [road, read] of Object.entries(ROADS)) {
    let loads = 0
    const ask = () => cache.getOrSet(road, async () => {
      loads++
      await read(database.sql)
      return 'answer'
    })
    await ask()
    t.same(await readTags(cache, road), ['products:7'], road)
    change(8)
    await ask()
    t.equal(loads, 1)
    change(7)
    await ask()
    t.equal(loads, 2)
  }
})

t.test('relational queries of Drizzle are tracked', async (t) => {
  const { database: { versions }, connect } = createTrackedShop(t)
  const reader = connect()
  const clock = new Clock(reader, true)
  const { query } = drizzle({
    client: reader,
    schema: { products },
    logger: trackReads({ connection: reader, clock, isOutdated: () => false, versions })
  })
  const tracked = async (read: () => unknown) => (await reading({ versions } as SqliteDatabase, read)).tags
  t.same(
    await tracked(() => query.products.findMany({ where: gt(products.id, 7), orderBy: desc(products.id) }).sync()),
    ['products']
  )
  t.same(await tracked(() => query.products.findFirst({ where: one(7) }).sync()), ['products:7'])
})

t.test('an entry depends on everything that its load read, and on nothing else', async (t) => {
  const { database, other, isCurrent } = createTrackedShop(t)
  const handle = database.sql
  const { stamp, tags } = await reading(database, async () => {
    await handle.all(sql`SELECT title FROM products JOIN makers ON name > title WHERE products.id = ${7}`)
    await handle.select().from(products).where(one(8)).all()
    await handle.select({ n: count() }).from(sql`makers`).all()
  })
  t.same(tags, ['makers', 'products:7', 'products:8'])
  addProduct(other, 9)
  t.equal(isCurrent(stamp, ...tags), true)
  other.exec("UPDATE makers SET name = 'z' WHERE id = 7")
  t.equal(isCurrent(stamp, ...tags), false)
})

t.test('reads of rows that do not exist yet are tracked', async (t) => {
  const { database, cache, other } = createTrackedShop(t)
  const ask = () => cache.getOrSet(
    'nine', async () => await database.sql.select().from(products).where(one(9)).get() ?? 'none')
  t.equal(await ask(), 'none')
  addProduct(other, 10)
  t.same(await readTags(cache, 'nine'), ['products:9'])
  addProduct(other, 9)
  t.match(await ask(), { id: 9 })
})

t.test('reads outside a load and in ignoreReads are not tracked', async (t) => {
  const { database, cache, connect } = createTrackedShop(t)
  const reader = connect()
  let prepared = 0
  const counting = Object.assign(Object.create(reader), {
    prepare: (text: string) => {
      prepared++
      return reader.prepare(text)
    }
  }) as Sqlite.Database
  const clock = new Clock(reader, true)
  const logger = trackReads({ connection: counting, clock, isOutdated: () => false, versions: database.versions })
  logger.logQuery('SELECT * FROM products', [])
  t.equal(prepared, 0)
  await reading(database, () => logger.logQuery('SELECT * FROM products', []))
  t.ok(prepared > 0)

  await cache.getOrSet('key', async () => {
    await ignoreReads(() => price(database, 8))
    return price(database, 7)
  })
  t.same(await readTags(cache, 'key'), ['products:7'])
})

t.test('late reads are tracked in every kind of callback', async (t) => {
  const { database, cache } = createTrackedShop(t)
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
    t.same(await readTags(cache, path), ['products:7'], path)
  }
})

t.test('a loader that returns an unexecuted query is tracked', async (t) => {
  const { database, cache, change } = createTrackedShop(t)
  const ask = () => cache.getOrSet('seven', () => database.sql.select().from(products).where(one(7)))
  t.match(await ask(), [{ price: '1' }])
  t.same(await readTags(cache, 'seven'), ['products:7'])
  change(7)
  t.match(await ask(), [{ price: '2' }])
})

t.test('concurrent loads are tracked separately', async (t) => {
  const { database, cache } = createTrackedShop(t)
  const keys = Array.from({ length: 20 }, (_, i) => `${i}`)
  await Promise.all(keys.map((key, i) => cache.getOrSet(key, async () => {
    for (const id of [i, i + 100]) {
      await sleep(i % 3)
      await database.sql.select().from(products).where(one(id))
    }
    return 'answer'
  })))
  for (const [i, key] of keys.entries()) {
    t.same(await readTags(cache, key), [`products:${i}`, `products:${i + 100}`].sort())
  }
})
