import { eq } from 'drizzle-orm'
import type { Test } from 'tap'
import { type CacheAdapter, createCache, isMiss, memoryStore } from '../../src/cache/index.ts'
import type { SqliteDatabase } from '../../src/db/index.ts'
import { products } from '../../src/products/sqlite/table.ts'
import { addProduct, type Clockwork, clockwork } from '../clock/sqlite/clock-support.ts'

export const one = (id: number) => eq(products.id, id)

/** Products 7 and 8, a maker for each, and a cache. */
export function createTrackedShop (t: Test): Clockwork & { cache: CacheAdapter, change: (id: number) => unknown } {
  const works = clockwork(
    t, "CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO makers VALUES (7, 'x'), (8, 'y')"
  )
  addProduct(works.other, 7, 8)
  const change = (id: number) => works.other.prepare('UPDATE products SET price = price + 1 WHERE id = ?').run(id)
  return { ...works, change, cache: createCache({ store: memoryStore(), versions: works.database.versions }) }
}

export const price = async (database: SqliteDatabase, id: number) =>
  (await database.sql.select().from(products).where(one(id)).get())!.price

/** Returns the tags of the entry of a key; undefined if there is none. */
export async function readTags (cache: CacheAdapter, key: string): Promise<string[] | undefined> {
  const found = await cache.lookup(key)
  return isMiss(found) ? undefined : [...found.tags].sort()
}
