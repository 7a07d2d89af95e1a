import t from 'tap'
import { createTrackedShop, price, readTags } from '../../support/tracked-shop.ts'
import { moment } from '../../db/support.ts'

t.test('values nested in others', async (t) => {
  t.test('pass up what they read, whether they are stored or not', async (t) => {
    const { database, cache, change } = createTrackedShop(t)
    const inner = (id: number) => cache.getOrSet(`inner ${id}`, () => price(database, id))
    await inner(7)
    const ask = () => cache.getOrSet('outer', async () => [await inner(7), await inner(8)].join())
    t.equal(await ask(), '1,1')
    t.same(await readTags(cache, 'outer'), ['products:7', 'products:8'])
    t.same(await readTags(cache, 'inner 8'), ['products:8'])
    change(8)
    t.equal(await cache.get('outer'), undefined)
    t.equal(await cache.get('inner 7'), '1')
    t.equal(await ask(), '1,2')
    change(7)
    t.equal(await ask(), '2,2')
  })

  t.test('a shared load passes its tags up to each caller', async (t) => {
    const { database, cache } = createTrackedShop(t)
    const goOn = moment()
    const shared = () => cache.getOrSet('shared', async () => {
      await goOn.promise
      return price(database, 7)
    })
    const outer = ['a', 'b'].map((key) => cache.getOrSet(key, async () => {
      if (key === 'b') await price(database, 8)
      return await shared()
    }))
    goOn.resolve()
    await Promise.all(outer)
    t.same(await readTags(cache, 'a'), ['products:7'])
    t.same(await readTags(cache, 'b'), ['products:7', 'products:8'])
  })

  t.test('also through get and getMany', async (t) => {
    const { database, cache } = createTrackedShop(t)
    await cache.getOrSet('seven', () => price(database, 7))
    await cache.getOrSet('eight', () => price(database, 8))
    await cache.getOrSet('outer', async () => [await cache.get('seven'), ...(await cache.getMany(['eight'])).values()])
    t.same(await readTags(cache, 'outer'), ['products:7', 'products:8'])
  })
})
