import type { Test } from 'tap'
import type { Cache } from '../../../src/cache/index.ts'
import type { Database } from '../../../src/db/index.ts'
import type { Product, Products } from '../../../src/products/index.ts'
import type { FakeClock } from '../clock.ts'
import type { DatabaseKind, OtherProgram } from '../product-databases.ts'
import type { StoreKind } from './stores.ts'

/** The products of an empty database, with a cache of their own. */
export interface Shop {
  kind: DatabaseKind
  other: OtherProgram
  clock: FakeClock
  database: Database
  cache: Cache
  products: Products
  /** Returns whether the list is in the store. */
  isCached (): Promise<boolean>
  /** Errors that subscribers have thrown. */
  failures: Array<[id: string, message: string]>
}

export interface SetUpOptions {
  /** Default: a store in memory. */
  store?: StoreKind
  /** Replaces the cache that the repository uses. */
  wrap?: (cache: Cache) => Cache
}

export type SetUp = (options?: SetUpOptions) => Promise<Shop>

/** A part of the contract. */
export type Part = (t: Test, setUp: SetUp) => Promise<void>

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
