import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { Redis } from 'ioredis'
import root, { type Test } from 'tap'
import { type Cache, createCache, memoryStore, type Store } from '../../src/cache/index.ts'
import { openDatabase, type SqliteDatabase } from '../../src/db/index.ts'
import { PRODUCT_LIST_KEY, type Product, type Products } from '../../src/products/index.ts'
import { invalidateProductList } from '../../src/products/invalidation.ts'
import { createProducts } from '../../src/products/repository.ts'
import { createSqliteRows } from '../../src/products/sqlite/rows.ts'
import { type FakeClock, fakeClock } from '../support/clock.ts'
import { startRedis } from '../support/redis.ts'
import { patientRedisStore } from '../support/patient-redis-store.ts'

/** A kind of store, and how to check what it stores without the cache. */
export interface StoreKind {
  name: string
  make (now: () => number): { store: Store, has (key: string): Promise<boolean> }
}

/** Returns each kind of store. Every `make` returns an empty store; those in Redis share a server. */
export async function storeKinds (t: Test): Promise<StoreKind[]> {
  const client = new Redis((await startRedis(t)).url)
  t.teardown(() => client.quit())
  let count = 0
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
        const prefix = `test${++count}`
        const has = async (key: string) => await client.exists(`${prefix}:${key}`) === 1
        return { store: patientRedisStore({ client, prefix, now }), has }
      }
    }
  ]
}

export interface Larder {
  path: string
  clock: FakeClock
  database: SqliteDatabase
  cache: Cache
  products: Products
  /** Returns whether the list is in the store. */
  isCached (): Promise<boolean>
  /** Errors that subscribers have thrown. */
  failures: Array<[id: string, message: string]>
}

let shared: { path: string, database: SqliteDatabase } | undefined

/** Opens an empty database. It is the same for all tests, because its threads take longer to start than most tests. */
function openShared (): { path: string, database: SqliteDatabase } {
  if (shared === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
    const path = `${folder}/larder.db`
    const database = openDatabase(`file:${path}`)
    root.teardown(async () => {
      await database.close()
      rmSync(folder, { recursive: true })
    })
    shared = { path, database }
  }
  const other = new Sqlite(shared.path)
  other.exec("DELETE FROM products; DELETE FROM sqlite_sequence WHERE name = 'products'")
  other.close()
  return shared
}

/**
 * Creates a repository with an empty database and a cache of its own.
 *
 * @param wrap replaces the cache that the repository uses
 */
export function larder (_t: Test, kind: StoreKind, wrap: (cache: Cache) => Cache = (cache) => cache): Larder {
  const { path, database } = openShared()
  const clock = fakeClock()
  const { store, has } = kind.make(clock.now)
  const cache = createCache({ store, versions: database.versions, now: clock.now })
  const failures: Larder['failures'] = []
  const products = createProducts({
    database,
    rows: createSqliteRows(database.sql),
    cache: wrap(cache),
    now: clock.now,
    onSubscriberError: (error, id) => failures.push([id, (error as Error).message])
  })
  invalidateProductList(products, cache)
  return { path, clock, database, cache, products, isCached: () => has(PRODUCT_LIST_KEY), failures }
}

export const titles = (products: readonly Product[]): string[] => products.map(({ title }) => title)

/** Returns new products with these titles. */
export const named = (...titles: string[]) => titles.map((title) => ({ title, price: '1.00' }))

/**
 * Records the notifications of subscribers: how many products, and what identifies them, e.g. `1 saved: a`, `2 created:
 * 4,5`, `3 saved: {"title":"b"}`.
 */
export function record (products: Products): string[] {
  const seen: string[] = []
  products.afterSave.subscribe('record', ({ created, count, product, ids, where }) => {
    seen.push(`${count} ${created ? 'created' : 'saved'}: ${product?.title ?? ids?.join() ?? JSON.stringify(where)}`)
  })
  products.afterDelete.subscribe('record', ({ count, product, ids }) => {
    seen.push(`${count} deleted: ${product?.title ?? ids.join()}`)
  })
  return seen
}
