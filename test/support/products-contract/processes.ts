import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { createCache } from '../../../src/cache/index.ts'
import { openDatabase } from '../../../src/db/index.ts'
import { openProducts } from '../../../src/products/index.ts'
import { invalidateProductList } from '../../../src/products/invalidation.ts'
import { seedProducts } from '../../../src/products/seed.ts'
import { patientRedisStore } from '../patient-redis-store.ts'
import { startRedis } from '../redis.ts'
import { until } from '../until.ts'
import { type SetUp, titles } from './set-up.ts'

/** What several processes that use one database do. */
export async function processes (t: Test, setUp: SetUp): Promise<void> {
  const { url } = await startRedis(t)

  /** Opens the products as another process does. */
  async function openElsewhere (t: Test, databaseUrl: string) {
    const client = new Redis(url)
    const database = await openDatabase(databaseUrl)
    t.teardown(async () => {
      client.disconnect()
      await database.close()
    })
    const cache = createCache({ store: patientRedisStore({ client }) })
    const products = await openProducts({ database, cache, now: Date.now, onSubscriberError: t.error })
    invalidateProductList(products, cache)
    return products
  }

  t.test('a change by another process invalidates the list in the shared Redis', async (t) => {
    const { other } = await setUp()
    const [mine, theirs] = [await openElsewhere(t, other.url), await openElsewhere(t, other.url)]
    await mine.create({ title: 'a', price: '1' })
    // A list whose dependencies are not known at once is stored after it is returned.
    await until('the list is stored', async () => (await mine.list()).cached === 'hit')
    t.equal((await theirs.list()).cached, 'hit')
    await theirs.create({ title: 'b', price: '1' })
    t.same(titles((await mine.list()).items), ['b', 'a'])
  })

  t.test('processes that seed at once create the products once', async (t) => {
    const { other, products } = await setUp()
    const all = [products, await openElsewhere(t, other.url), await openElsewhere(t, other.url)]
    for (let round = 0; round < 3; round++) {
      await other.clear()
      const created = await Promise.all(all.map((products) => seedProducts(products, Date.now())))
      t.same(created.sort(), [0, 0, 100])
      t.equal(await products.count(), 100)
    }
  })
}
