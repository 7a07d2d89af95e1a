import type { Test } from 'tap'
import { createCache } from '../../../src/cache/index.ts'
import { openDatabase } from '../../../src/db/index.ts'
import { openProducts, PRODUCT_LIST_KEY } from '../../../src/products/index.ts'
import { invalidateProductList } from '../../../src/products/invalidation.ts'
import { fakeClock } from '../clock.ts'
import type { DatabaseKind } from '../product-databases.ts'
import { bulk } from './bulk.ts'
import { isolation } from './isolation.ts'
import { list } from './list.ts'
import { listCache } from './list-cache.ts'
import { processes } from './processes.ts'
import { repository } from './repository.ts'
import { seed } from './seed.ts'
import type { Part, SetUp, Shop } from './set-up.ts'
import { memory } from './stores.ts'

const PARTS: readonly Part[] = [repository, list, listCache, bulk, seed, isolation, processes]

/** Tests the whole interface `Products` over a kind of database. All tests share one, which each of them empties. */
export async function productsContract (t: Test, kind: DatabaseKind): Promise<void> {
  const other = await kind.create(t)
  const database = await openDatabase(other.url)
  t.teardown(() => database.close())

  const setUp: SetUp = async ({ store = memory, wrap } = {}) => {
    await other.clear()
    const clock = fakeClock()
    const made = store.make(clock.now)
    const cache = createCache({ store: made.store, versions: database.versions, now: clock.now })
    const failures: Shop['failures'] = []
    const products = await openProducts({
      database,
      cache: wrap?.(cache) ?? cache,
      now: clock.now,
      onSubscriberError: (error, id) => failures.push([id, (error as Error).message])
    })
    invalidateProductList(products, cache)
    const isCached = () => made.has(PRODUCT_LIST_KEY)
    return { kind, other, clock, database, cache, products, isCached, failures }
  }

  t.equal(database.dialect, kind.name === 'SQLite' ? 'sqlite' : 'postgres')
  for (const part of PARTS) await t.test(`${part.name} in ${kind.name}`, (t) => part(t, setUp))
}
