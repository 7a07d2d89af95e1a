import { createSignal, type Database, type Signal } from '../db/index.ts'
import { PageTooDeepError } from '../errors.ts'
import type { Cache } from '../larder/index.ts'
import type { Cursor } from './cursor.ts'
import type { Product } from './product.ts'
import type { ProductChanges, ProductFilter, ProductRows } from './rows.ts'

export type { ProductChanges, ProductFilter, ProductRows } from './rows.ts'

/** The key in the low-level cache of the first page of the list. */
export const PRODUCT_LIST_KEY = 'product_objects'
/** Pages end here, since one takes the longer the more products are before it. `listAfter` goes on. */
export const MAX_PAGED = 100_000
/** Default number of products on a page. Only the first page of this size is cached. */
export const PAGE_SIZE = 100

export type ProductFields = Pick<Product, 'title' | 'price'>
/** `created` is in ISO 8601. Default: now. */
export type NewProduct = ProductFields & Partial<Pick<Product, 'created'>>

export interface ProductPage {
  /** As long as the list is cached, each call returns the same frozen array. */
  items: Product[]
  /** Number of all products. */
  total: number
  /** The position of the last item, if there may be more. */
  next?: Cursor
  page: number
  limit: number
  /** The last page that `list` returns, however many there are. */
  maxPage: number
  /** `miss`: this call has read the database. `hit`: it has not. `undefined`: this page is not cached. */
  cached?: 'hit' | 'miss'
}

/** What was saved. A bulk change is described, since its products may be a million. */
export interface ProductsSaved {
  created: boolean
  /** How many products were saved. */
  count: number
  /** The product, if it was created alone, or updated by its id. */
  product?: Product
  /** The ids of products that were created together. */
  ids?: readonly number[]
  /** Of a bulk update: which products it selected, as they were before, and what it changed. */
  where?: ProductFilter
  set?: ProductChanges
}

export interface ProductsDeleted {
  /** How many products were deleted. */
  count: number
  /** The product, if it was deleted alone. */
  product?: Product
  /** The ids of those that were to be deleted. */
  ids: readonly number[]
}

/**
 * The products, newest first.
 *
 * Every change runs in a transaction of its own, or within the one that surrounds it. After the commit, and before the
 * call resolves, `afterSave` or `afterDelete` notifies its subscribers once, unless it changed no product.
 */
export interface Products {
  /**
   * Returns one page of the list, from the low-level cache if it can. Rejects if it ends beyond `MAX_PAGED`.
   *
   * @param page from 1. Default 1.
   * @param limit products on a page. Default `PAGE_SIZE`.
   */
  list (page?: number, limit?: number): Promise<ProductPage>
  /** Returns the products after a position, which takes as long at the end of the list as at its start. */
  listAfter (cursor: Cursor, limit?: number): Promise<Omit<ProductPage, 'page'>>
  find (id: number): Promise<Product | undefined>
  count (): Promise<number>
  create (product: NewProduct): Promise<Product>
  /** Creates all of them or none. Returns their ids in the same order. */
  createMany (products: readonly NewProduct[]): Promise<number[]>
  /**
   * Creates all of them if there are no products yet. Processes that do so at once create them once.
   *
   * @returns how many it created
   */
  createFirst (products: readonly NewProduct[]): Promise<number>
  /** Returns the updated product, or `undefined` if there is none with this id. */
  update (id: number, changes: ProductChanges): Promise<Product | undefined>
  /** Returns how many products it updated. */
  updateMany (filter: ProductFilter, changes: ProductChanges): Promise<number>
  /** Returns the product as it was, or `undefined` if there was none with this id. */
  delete (id: number): Promise<Product | undefined>
  /** Returns how many products it deleted. */
  deleteMany (ids: readonly number[]): Promise<number>
  /** Runs `work` so that all calls that it awaits are committed together, or rolled back together. */
  transaction<T> (work: () => T | Promise<T>): Promise<T>
  readonly afterSave: Signal<ProductsSaved>
  readonly afterDelete: Signal<ProductsDeleted>
}

export interface ProductsOptions {
  database: Database
  /** The rows in this database. */
  rows: ProductRows
  cache: Cache
  /** Returns milliseconds since 1970. */
  now: () => number
  /** Called with each error that a subscriber throws, and the subscriber's id. */
  onSubscriberError: (error: unknown, id: string) => void
}

export function createProducts ({ database, rows, cache, now, onSubscriberError }: ProductsOptions): Products {
  const afterSave = createSignal<ProductsSaved>(onSubscriberError)
  const afterDelete = createSignal<ProductsDeleted>(onSubscriberError)
  const time = () => new Date(now()).toISOString()

  /** Runs a change in a transaction. If it changed a product, notifies the subscribers after the commit. */
  function save<T extends ProductsSaved> (change: () => Promise<T>): Promise<T> {
    return database.transaction(async () => {
      const saved = await change()
      if (saved.count > 0) database.afterCommit(() => afterSave.send(saved))
      return saved
    })
  }

  async function remove<T extends ProductsDeleted> (change: () => Promise<T>): Promise<T> {
    return await database.transaction(async () => {
      const deleted = await change()
      if (deleted.count > 0) database.afterCommit(() => afterDelete.send(deleted))
      return deleted
    })
  }

  async function createMany (products: readonly NewProduct[]): Promise<number[]> {
    const now = time()
    const { ids } = await save(async () => {
      const ids = await rows.insertMany(products.map(({ title, price, created = now }) => [title, price, created]))
      return { created: true, count: ids.length, ids }
    })
    return ids
  }

  return {
    async list (page = 1, limit = PAGE_SIZE) {
      const maxPage = findMaxPage(limit)
      if (page > maxPage) throw new PageTooDeepError(MAX_PAGED)
      // A transaction reads its own uncommitted changes, which may not be cached.
      if (page !== 1 || limit !== PAGE_SIZE || database.inTransaction) {
        return { ...await rows.readPage(page, limit), page, limit, maxPage }
      }
      let cached: 'hit' | 'miss' = 'hit'
      // The cache records which tables the loader reads, so that a change of any product invalidates the list. Others
      // may wait for the same load, so it is not abandoned when the client of this request has gone.
      const loader = () => {
        cached = 'miss'
        return database.withSignal(undefined, () => rows.readPage(page, limit))
      }
      let cachedList = await cache.getOrSet(PRODUCT_LIST_KEY, loader, { shared: true })
      // Another version of the service, on the same Redis, may have stored a list of another shape.
      if (!Array.isArray(cachedList?.items) || !Number.isSafeInteger(cachedList.total)) {
        await cache.delete(PRODUCT_LIST_KEY)
        cachedList = await cache.getOrSet(PRODUCT_LIST_KEY, loader, { shared: true })
      }
      return { ...cachedList, page, limit, maxPage, cached }
    },
    listAfter: async (cursor, limit = PAGE_SIZE) => (
      { ...await rows.readAfter(cursor, limit), limit, maxPage: findMaxPage(limit) }),
    find: (id) => rows.find(id),
    count: () => rows.count(),
    async create ({ title, price, created = time() }) {
      const { product } = await save(async () => (
        { created: true, count: 1, product: await rows.insert([title, price, created]) }))
      return product
    },
    createMany,
    async createFirst (products) {
      // Most calls need no transaction.
      if (await rows.count() > 0) return 0
      return await database.transaction(async () => {
        await rows.waitForTurn()
        return await rows.count() > 0 ? 0 : (await createMany(products)).length
      })
    },
    async update (id, changes) {
      const { product } = await save(async () => {
        const product = await rows.update(id, changes, time())
        return { created: false, count: product === undefined ? 0 : 1, ...product && { product } }
      })
      return product
    },
    async updateMany (where, set) {
      const { count } = await save(async () => (
        { created: false, count: await rows.updateMany(where, set, time()), where, set }))
      return count
    },
    async delete (id) {
      const { product } = await remove(async () => {
        const product = await rows.delete(id)
        return { count: product === undefined ? 0 : 1, ids: [id], ...product && { product } }
      })
      return product
    },
    async deleteMany (ids) {
      const { count } = await remove(async () => ({ count: await rows.deleteMany(ids), ids }))
      return count
    },
    transaction: (work) => database.transaction(work),
    afterSave,
    afterDelete
  }
}

function findMaxPage (limit: number): number {
  return Math.floor(MAX_PAGED / limit)
}
