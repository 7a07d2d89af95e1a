import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { type Cache, createCache, memoryStore, type Store } from '../../src/cache/index.ts'
import { type Database, openDatabase } from '../../src/db/index.ts'
import { createProducts, PRODUCT_LIST_KEY, type Product, type Products } from '../../src/products/index.ts'
import { invalidateProductList } from '../../src/products/invalidation.ts'
import { type FakeClock, fakeClock } from '../support/clock.ts'
import { startRedis } from '../support/redis.ts'
import { patientRedisStore } from '../support/patient-redis-store.ts'

/** A kind of store, and how to look past the cache at what it keeps. */
export interface StoreKind {
  name: string
  make (now: () => number): { store: Store, has (key: string): Promise<boolean> }
}

/** Stores of every kind, empty ones each time; those in Redis share a server. */
export async function storeKinds (t: Test): Promise<StoreKind[]> {
  const client = new Redis((await startRedis(t)).url)
  t.teardown(() => client.quit())
  let made = 0
  return [
    {
      name: 'memory',
      make (now) {
        const store = memoryStore({ now })
        return { store, has: async (key) => await store.get(key) !== undefined }
      }
    },
    {
      name: 'Redis',
      make (now) {
        const prefix = `test${++made}`
        return { store: patientRedisStore({ client, prefix, now }), has: async (key) => await client.exists(`${prefix}:${key}`) === 1 }
      }
    }
  ]
}

export interface Larder {
  path: string
  clock: FakeClock
  database: Database
  cache: Cache
  products: Products
  /** Whether the store keeps the list now. */
  isCached (): Promise<boolean>
  /** What subscribers threw. */
  failures: Array<[id: string, message: string]>
}

/** Products in a database of their own. `wrap` may put something between them and the cache. */
export function larder (t: Test, kind: StoreKind, wrap: (cache: Cache) => Cache = (cache) => cache): Larder {
  const path = `${t.testdir()}/larder.db`
  const clock = fakeClock()
  const { store, has } = kind.make(clock.now)
  const database = openDatabase(`file:${path}`)
  t.teardown(() => database.close())
  const cache = createCache({ store, versions: database.versions, now: clock.now })
  const failures: Larder['failures'] = []
  const products = createProducts({
    database,
    cache: wrap(cache),
    now: clock.now,
    onSubscriberError: (error, id) => failures.push([id, (error as Error).message])
  })
  invalidateProductList(products, cache)
  return { path, clock, database, cache, products, isCached: () => has(PRODUCT_LIST_KEY), failures }
}

export const titles = (products: readonly Product[]): string[] => products.map(({ title }) => title)

/** Products with these titles, as they are created. */
export const named = (...titles: string[]) => titles.map((title) => ({ title, price: '1.00' }))

/** What subscribers are told, in short: `saved a,b`, `created c`, `deleted d`. */
export function record (products: Products): string[] {
  const seen: string[] = []
  products.afterSave.subscribe('record', ({ created, products }) => seen.push(`${created ? 'created' : 'saved'} ${titles(products).join()}`))
  products.afterDelete.subscribe('record', ({ products }) => seen.push(`deleted ${titles(products).sort().join()}`))
  return seen
}
