import { count, desc, eq, type SQL, sql } from 'drizzle-orm'
import type { Cache } from '../cache/index.ts'
import { advancedTo, createSignal, type Database, latestFirst, type Signal, type Sql } from '../db/index.ts'
import { products, type Product } from './table.ts'

/** The key in the low-level cache of the first page of the list. */
export const PRODUCT_LIST_KEY = 'product_objects'
/** Default number of products on a page. Only the first page of this size is cached. */
export const PAGE_SIZE = 100

export type ProductFields = Pick<Product, 'title' | 'price'>
/** `created` is in ISO 8601. Default: now. */
export type NewProduct = ProductFields & Partial<Pick<Product, 'created'>>
export type ProductChanges = Partial<ProductFields>
/** Selects the products of a bulk update: those with these ids, those with this title, or all. */
export type ProductFilter = { ids: readonly number[] } | { title: string } | Record<string, never>

export interface ProductPage {
  /** As long as the list is cached, each call returns the same frozen array. */
  items: Product[]
  /** Number of all products. */
  total: number
  page: number
  limit: number
  /** `miss`: this call has read the database. `hit`: it has not. `undefined`: this page is not cached. */
  cached?: 'hit' | 'miss'
}

export interface ProductsSaved { created: boolean, products: readonly Product[] }
export interface ProductsDeleted { products: readonly Product[] }

/**
 * The products, newest first.
 *
 * Every change runs in a transaction of its own, or joins the one that surrounds it. After the commit, and before the
 * call resolves, `afterSave` or `afterDelete` notifies its subscribers once of all changed products.
 */
export interface Products {
  /**
   * Returns one page of the list, from the low-level cache if it can.
   *
   * @param page from 1. Default 1.
   * @param limit products on a page. Default `PAGE_SIZE`.
   */
  list (page?: number, limit?: number): Promise<ProductPage>
  find (id: number): Promise<Product | undefined>
  count (): Promise<number>
  create (product: NewProduct): Promise<Product>
  /** Creates all of them or none. Returns them in the same order. */
  createMany (products: readonly NewProduct[]): Promise<Product[]>
  /** Returns the updated product, or `undefined` if there is none with this id. */
  update (id: number, changes: ProductChanges): Promise<Product | undefined>
  /** Returns how many products it updated. */
  updateMany (filter: ProductFilter, changes: ProductChanges): Promise<number>
  /** Returns whether there was a product with this id. */
  delete (id: number): Promise<boolean>
  /** Returns how many products it deleted. */
  deleteMany (ids: readonly number[]): Promise<number>
  /** Runs `work` so that all calls that it awaits are committed together, or rolled back together. */
  transaction<T> (work: () => T | Promise<T>): Promise<T>
  readonly afterSave: Signal<ProductsSaved>
  readonly afterDelete: Signal<ProductsDeleted>
}

export interface ProductsOptions {
  database: Database
  cache: Cache
  /** Returns milliseconds since 1970. */
  now: () => number
  /** Called with each error that a subscriber throws, and the subscriber's id. */
  onSubscriberError: (error: unknown, id: string) => void
}

export function createProducts ({ database, cache, now, onSubscriberError }: ProductsOptions): Products {
  const afterSave = createSignal<ProductsSaved>(onSubscriberError)
  const afterDelete = createSignal<ProductsDeleted>(onSubscriberError)
  const time = () => new Date(now()).toISOString()
  const statements = prepareStatements(database.sql)

  async function readPage (page: number, limit: number): Promise<Pick<ProductPage, 'items' | 'total'>> {
    const { total } = (await statements.count.get())!
    return { items: await statements.page.all({ limit, offset: (page - 1) * limit }), total }
  }

  /** Runs a change in a transaction. If it changed a product, notifies the subscribers after the commit. */
  function save (created: boolean, change: () => Promise<Product[]>): Promise<Product[]> {
    return database.transaction(async () => {
      const products = await change()
      if (products.length > 0) database.afterCommit(() => afterSave.send({ created, products }))
      return products
    })
  }

  async function createMany (rows: readonly NewProduct[]): Promise<Product[]> {
    return await save(true, () => {
      const now = time()
      return Promise.all(rows.map(({ title, price, created = now }) =>
        statements.insert.get({ title, price, created, updated: created })))
    })
  }

  async function deleteMany (ids: readonly number[]): Promise<number> {
    return await database.transaction(async () => {
      const deleted = await database.sql.delete(products).where(hasIdIn(ids)).returning().all()
      if (deleted.length > 0) database.afterCommit(() => afterDelete.send({ products: deleted }))
      return deleted.length
    })
  }

  return {
    async list (page = 1, limit = PAGE_SIZE) {
      // A transaction reads its own uncommitted changes, which may not be cached.
      if (page !== 1 || limit !== PAGE_SIZE || database.inTransaction) return { ...await readPage(page, limit), page, limit }
      let cached: 'hit' | 'miss' = 'hit'
      // The cache records which tables the loader reads, so that a change of any product invalidates the list.
      const loader = () => {
        cached = 'miss'
        return readPage(page, limit)
      }
      let list = await cache.getOrSet(PRODUCT_LIST_KEY, loader, { shared: true })
      // Another version of the service, on the same Redis, may have stored a list of another shape.
      if (!Array.isArray(list?.items) || !Number.isSafeInteger(list.total)) {
        await cache.delete(PRODUCT_LIST_KEY)
        list = await cache.getOrSet(PRODUCT_LIST_KEY, loader, { shared: true })
      }
      return { ...list, page, limit, cached }
    },
    find: (id) => statements.find.get({ id }),
    count: async () => (await statements.count.get())!.total,
    create: async (product) => (await createMany([product]))[0]!,
    createMany,
    async update (id, { title = null, price = null }) {
      const [product] = await save(false, () => statements.update.all({ id, title, price, now: time() }))
      return product
    },
    async updateMany (filter, changes) {
      const updated = await save(false, () => database.sql.update(products)
        .set({ ...changes, updated: advancedTo(products.updated, time()) })
        .where(buildCondition(filter)).returning().all())
      return updated.length
    },
    delete: async (id) => await deleteMany([id]) > 0,
    deleteMany,
    transaction: (work) => database.transaction(work),
    afterSave,
    afterDelete
  }
}

function prepareStatements (handle: Sql) {
  const newestFirst = [latestFirst(products.created), desc(products.id)]
  return {
    page: handle.select().from(products).orderBy(...newestFirst)
      .limit(sql.placeholder('limit')).offset(sql.placeholder('offset')).prepare(),
    count: handle.select({ total: count() }).from(products).prepare(),
    find: handle.select().from(products).where(eq(products.id, sql.placeholder('id'))).prepare(),
    update: handle.update(products).set({
      title: sql`coalesce(${sql.placeholder('title')}, ${products.title})`,
      price: sql`coalesce(${sql.placeholder('price')}, ${products.price})`,
      updated: advancedTo(products.updated, sql.placeholder('now'))
    }).where(eq(products.id, sql.placeholder('id'))).returning().prepare(),
    insert: handle.insert(products).values({
      title: sql.placeholder('title'),
      price: sql.placeholder('price'),
      created: sql.placeholder('created'),
      updated: sql.placeholder('updated')
    }).returning().prepare()
  }
}

function buildCondition (filter: ProductFilter): SQL | undefined {
  if ('ids' in filter) return hasIdIn(filter.ids as readonly number[])
  if ('title' in filter) return eq(products.title, filter.title as string)
  return undefined
}

/** Builds a condition with one parameter for any number of ids: SQLite limits the number of parameters. */
function hasIdIn (ids: readonly number[]): SQL {
  return sql`${products.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`
}
