import { mock } from 'node:test'
import type Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import { Clock } from '../../src/clock/sqlite/clock.ts'
import pageCache from '../../src/page-cache/index.ts'
import { addProduct, changeProduct, clockwork, reading } from '../clock/sqlite/clock-support.ts'

const PRICES = sql`SELECT price FROM products ORDER BY id`

/** The connection of a caller that uses more than Drizzle offers. */
const client = (handle: unknown) => (handle as { $client: Sqlite.Database }).$client

/** Ways to hold the snapshot of a connection; each returns the way to release it. */
const HOLDS: Record<string, (connection: Sqlite.Database) => () => void> = {
  'an iterator that is not finished': (connection) => {
    const rows = connection.prepare('SELECT * FROM products').iterate()
    rows.next()
    return () => { rows.return!() }
  },
  'an open BEGIN': (connection) => {
    connection.exec('BEGIN; SELECT * FROM products')
    connection.prepare('SELECT * FROM products').get()
    return () => { connection.exec('ROLLBACK') }
  }
}

for (const [name, hold] of Object.entries(HOLDS)) {
  t.test(`while ${name} holds a snapshot`, async (t) => {
    const setUp = (t: Test) => {
      const works = clockwork(t)
      addProduct(works.other, 7, 8)
      const { database } = works
      const handle = database.sql
      return { ...works, handle, prices: () => database.sql.values(PRICES).join() }
    }

    t.test('other entries become invalid and other reads see what was committed', async (t) => {
      const { database, other, handle, prices, isCurrent } = setUp(t)
      const { stamp, tags } = reading(database, prices)
      const release = hold(client(handle))
      changeProduct(other, 7)
      t.equal(isCurrent(stamp, ...tags), false)
      t.same(reading(database, prices), { ...reading(database, prices), result: '2,1', refusal: undefined })
      release()
    })

    t.test('what is read at that snapshot is not stored', async (t) => {
      const { database, other, handle } = setUp(t)
      const release = hold(client(handle))
      t.equal(reading(database, () => handle.values(PRICES)).refusal, undefined, 'it is the latest')
      changeProduct(other, 7)
      const { result, refusal } = reading(database, () => handle.values(PRICES))
      t.same([result, refusal], [[['1'], ['1']], 'outdated'])
      release()
      t.equal(reading(database, () => handle.values(PRICES)).refusal, undefined)
    })

    t.test('other pages are not stale', async (t) => {
      const { database, other, handle } = setUp(t)
      const app = Fastify()
      t.teardown(() => app.close())
      await app.register(pageCache, { cache: createCache({ store: memoryStore(), versions: database.versions }) })
      app.get('/', { config: { cachePage: 60 } }, async () => database.sql.values(PRICES).join())
      const request = async () => {
        const { body, headers } = await app.inject('/')
        return [body, /hit|stored/.exec(String(headers['cache-status']))?.[0]]
      }
      t.same([await request(), await request()], [['1,1', 'stored'], ['1,1', 'hit']])
      const release = hold(client(handle))
      changeProduct(other, 7)
      t.same([await request(), await request()], [['2,1', 'stored'], ['2,1', 'hit']])
      release()
      changeProduct(other, 8)
      t.same([await request(), await request()], [['2,2', 'stored'], ['2,2', 'hit']])
    })
  })
}

t.test('connections are used again when their snapshot is released', async (t) => {
  const { database, other } = clockwork(t)
  addProduct(other, 7)
  const used = new Set<unknown>()
  for (let i = 0; i < 10; i++) {
    const handle = database.sql
    used.add(handle)
    const release = HOLDS['an open BEGIN']!(client(handle))
    changeProduct(other, 7)
    used.add(database.sql)
    release()
  }
  t.equal(used.size, 2)
})

t.test('while the clock is not complete, one connection is used', async (t) => {
  const { database, other } = clockwork(t)
  other.exec('DELETE FROM larder_clock')
  t.equal(database.sql, database.sql)
})

t.test('while all of eight connections are held, what is read is not stored', async (t) => {
  const { database, other } = clockwork(t)
  addProduct(other, 7)
  const releases = Array.from({ length: 8 }, () => {
    const release = HOLDS['an open BEGIN']!(client(database.sql))
    changeProduct(other, 7)
    return release
  })
  const handle = database.sql
  t.equal(reading(database, () => database.sql.values(PRICES)).refusal, 'outdated')
  t.equal(database.sql, handle, 'no other connection is opened')
  for (const release of releases) release()
  t.equal(reading(database, () => database.sql.values(PRICES)).refusal, undefined)
})

t.test('clocks are compared only on a connection that may be held', async (t) => {
  const { database, other } = clockwork(t)
  addProduct(other, 7)
  const comparisons = mock.method(Clock.prototype, 'isBehind').mock
  t.teardown(() => mock.restoreAll())
  reading(database, () => database.sql.values(PRICES))
  t.equal(comparisons.callCount(), 0)
  const handle = database.sql
  HOLDS['an iterator that is not finished']!(client(handle))()
  reading(database, () => handle.values(PRICES))
  t.equal(comparisons.callCount(), 1, 'it had an iterator')
})
