import { sql } from 'drizzle-orm'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { addProduct, changeProduct, clockwork, SKIP_COUNT, takeStamp } from './clock-support.ts'
import { moment } from '../../db/support.ts'

const oops = new Error('oops')

t.test('inside a transaction', async (t) => {
  t.test('its changes invalidate entries for itself at once, and for others after the commit', async (t) => {
    const { database, other, isCurrent } = clockwork(t)
    addProduct(other, 7, 8)
    const stamp = takeStamp(database)
    const written = moment()
    const checked = moment()
    const transaction = database.transaction(async () => {
      t.equal(isCurrent(stamp, 'products', 'products:7', 'a name'), true, 'before')
      await database.sql.run(sql`UPDATE products SET price = '2' WHERE id = 7`)
      t.equal(isCurrent(stamp, 'products'), false)
      t.equal(isCurrent(stamp, 'products:7'), false)
      t.equal(isCurrent(stamp, 'products:8'), false, 'and also what it did not change')
      written.resolve()
      await checked.promise
      t.equal(isCurrent(stamp, 'products:7'), false)
    })
    await written.promise
    t.equal(isCurrent(stamp, 'products', 'products:7', 'products:8'), true, 'for others')
    t.equal(takeStamp(database), stamp)
    checked.resolve()
    await transaction
    t.equal(isCurrent(stamp, 'products:7'), false)
    t.equal(isCurrent(stamp, 'products:8'), true)
  })

  t.test('an uncounted change of another program from before it makes all entries invalid', async (t) => {
    const { database, other, isCurrent } = clockwork(t)
    addProduct(other, 7)
    other.exec(SKIP_COUNT)
    const stamp = takeStamp(database)
    changeProduct(other, 7)
    await database.transaction(() => t.equal(isCurrent(stamp, 'products:7'), false))
    t.equal(isCurrent(stamp, 'products:7'), false)
  })

  t.test('rolling back a savepoint, and then the transaction, changes nothing', async (t) => {
    const { database, other, isCurrent } = clockwork(t)
    addProduct(other, 7, 8)
    const stamp = takeStamp(database)
    const write = (id: number) => database.sql.run(sql`UPDATE products SET price = '2' WHERE id = ${id}`)
    await t.rejects(database.transaction(async () => {
      await write(7)
      await t.rejects(database.transaction(async () => {
        await write(8)
        t.equal(isCurrent(stamp, 'products:8'), false)
        throw oops
      }), oops)
      t.equal(isCurrent(stamp, 'products:7'), false)
      throw oops
    }), oops)
    t.equal(takeStamp(database), stamp)
    t.equal(isCurrent(stamp, 'products', 'products:7', 'products:8'), true)
    await database.transaction(() => write(8))
    t.equal(isCurrent(stamp, 'products:8'), false, 'although the clock says what it said in the part that was undone')
  })

  t.test('a transaction sees a new table at once', async (t) => {
    const { database, isCurrent } = clockwork(t)
    const stamp = takeStamp(database)
    await t.rejects(database.transaction(async () => {
      await database.sql.run(sql`CREATE TABLE fresh (id INTEGER PRIMARY KEY)`)
      t.equal(isCurrent(stamp, 'a name'), false)
      throw oops
    }), oops)
    t.equal(isCurrent(stamp, 'a name'), true)
    await database.transaction(() => t.equal(isCurrent(stamp, 'a name'), true))
  })

  t.test('stamps are unique, and never current', async (t) => {
    const { database, isCurrent } = clockwork(t)
    let inside = ''
    await database.transaction(() => {
      inside = takeStamp(database)
      t.not(inside, takeStamp(database))
      t.equal(isCurrent(inside, 'products'), false)
    })
    t.equal(isCurrent(inside, 'products'), false)
  })

  t.test('loads are not shared, nothing is stored, and entries stay', async (t) => {
    const { database, other } = clockwork(t)
    const cache = createCache({ store: memoryStore(), versions: database.versions })
    addProduct(other, 7)
    const read = async () => (await database.sql.values(sql`SELECT price FROM products WHERE id = 7`))[0]![0]
    let loads = 0
    const load = async () => {
      loads++
      const price = await read()
      await new Promise(setImmediate)
      return price
    }
    t.equal(await cache.getOrSet('price', load), '1')
    await t.rejects(database.transaction(async () => {
      t.equal(await cache.get('price'), '1', 'what it did not change')
      await database.sql.run(sql`UPDATE products SET price = '2'`)
      t.same(await Promise.all([cache.getOrSet('price', load), cache.getOrSet('price', load)]), ['2', '2'])
      t.equal(loads, 3)
      t.equal(await cache.get('price'), undefined)
      throw oops
    }), oops)
    t.equal(await cache.get('price'), '1')
    t.equal(await cache.getOrSet('price', load), '1')
    t.equal(loads, 3)
  })
})
