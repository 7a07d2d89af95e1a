import { count, desc, eq, type SQL, sql } from 'drizzle-orm'
import type { Cache } from '../cache/index.ts'
import { createSignal, type Database, latestFirst, movedTo, type Signal, type Sql } from '../db/index.ts'
import { products, type Product } from './table.ts'

/** The key of the first page of the list, as the low-level cache keeps it. */
export const PRODUCT_LIST_KEY = 'product_objects'
/** Products on a page, unless a caller asks for another number. Only the first page of this size is cached. */
export const PAGE_SIZE = 100

export type ProductFields = Pick<Product, 'title' | 'price'>
/** `created` is in ISO 8601, by default now. */
export type NewProduct = ProductFields & Partial<Pick<Product, 'created'>>
export type ProductChanges = Partial<ProductFields>
/** Which products a bulk update means: those with the ids, those with the title, or all. */
export type ProductFilter = { ids: readonly number[] } | { title: string } | Record<string, never>

export interface ProductPage {
  /** While the low-level cache has them the same object, which nobody can change. */
  items: Product[]
  total: number
  page: number
  limit: number
  /** `miss` where it was read from the database for this call, `hit` where it was kept, or another call read it; absent where the cache was not asked. */
  cached?: 'hit' | 'miss'
}

export interface ProductsSaved { created: boolean, products: readonly Product[] }
export interface ProductsDeleted { products: readonly Product[] }

/**
 * The products, newest first. Every mutation is a transaction, or a part of the one around it, and tells the
 * subscribers of `afterSave` or `afterDelete` all that it changed, after the commit and before it resolves.
 */
export interface Products {
  /** @param page from 1 on @param limit products on a page */
  list (page?: number, limit?: number): Promise<ProductPage>
  find (id: number): Promise<Product | undefined>
  count (): Promise<number>
  create (product: NewProduct): Promise<Product>
  /** All or none; in the order given. */
  createMany (products: readonly NewProduct[]): Promise<Product[]>
  update (id: number, changes: ProductChanges): Promise<Product | undefined>
  /** How many were updated. */
  updateMany (filter: ProductFilter, changes: ProductChanges): Promise<number>
  delete (id: number): Promise<boolean>
  /** How many were deleted. */
  deleteMany (ids: readonly number[]): Promise<number>
  /** Runs `work` so that all the calls it awaits are kept or undone together. */
  transaction<T> (work: () => T | Promise<T>): Promise<T>
  /** Whether the caller runs within a transaction. */
  readonly inTransaction: boolean
  readonly afterSave: Signal<ProductsSaved>
  readonly afterDelete: Signal<ProductsDeleted>
}

export interface ProductsOptions {
  database: Database
  cache: Cache
  /** Milliseconds since 1970. */
  now: () => number
  /** Told of what a subscriber throws. */
  onSubscriberError: (error: unknown, id: string) => void
}

export function createProducts ({ database, cache, now, onSubscriberError }: ProductsOptions): Products {
  const afterSave = createSignal<ProductsSaved>(onSubscriberError)
  const afterDelete = createSignal<ProductsDeleted>(onSubscriberError)
  const time = () => new Date(now()).toISOString()
  const statements = perConnection(prepare)

  function readPage (page: number, limit: number): Omit<ProductPage, 'page' | 'limit'> {
    const { page: rows, count } = statements(database.sql)
    return { items: rows.all({ limit, offset: (page - 1) * limit }), total: count.get()!.total }
  }

  /** Runs a change and, if it changed anything, tells its subscribers after the commit. */
  function save (created: boolean, change: (sql: Sql) => Product[]): Promise<Product[]> {
    return database.transaction(() => {
      const products = change(database.sql)
      if (products.length > 0) database.afterCommit(() => afterSave.send({ created, products }))
      return products
    })
  }

  function updateWhere (condition: SQL | undefined, changes: ProductChanges): Promise<Product[]> {
    return save(false, (sql) => sql.update(products)
      .set({ ...changes, updated: movedTo(products.updated, time()) })
      .where(condition).returning().all())
  }

  async function createMany (rows: readonly NewProduct[]): Promise<Product[]> {
    return await save(true, (sql) => {
      const { insert } = statements(sql)
      const now = time()
      return rows.map(({ title, price, created = now }) => insert.get({ title, price, created, updated: created }))
    })
  }

  async function deleteMany (ids: readonly number[]): Promise<number> {
    return await database.transaction(() => {
      const deleted = database.sql.delete(products).where(amongIds(ids)).returning().all()
      if (deleted.length > 0) database.afterCommit(() => afterDelete.send({ products: deleted }))
      return deleted.length
    })
  }

  return {
    async list (page = 1, limit = PAGE_SIZE) {
      // What a transaction has not committed belongs in no cache.
      if (page !== 1 || limit !== PAGE_SIZE || database.inTransaction) return { ...readPage(page, limit), page, limit }
      let cached: 'hit' | 'miss' = 'hit'
      // What it reads tags it, so that whoever changes a product makes it stale.
      const load = () => {
        cached = 'miss'
        return readPage(page, limit)
      }
      let list = await cache.getOrSet(PRODUCT_LIST_KEY, load, { shared: true })
      // Another version of the service may have kept a list of another shape.
      if (!Array.isArray(list?.items) || !Number.isSafeInteger(list.total)) {
        await cache.delete(PRODUCT_LIST_KEY)
        list = await cache.getOrSet(PRODUCT_LIST_KEY, load, { shared: true })
      }
      return { ...list, page, limit, cached }
    },
    find: async (id) => statements(database.sql).find.get({ id }),
    count: async () => statements(database.sql).count.get()!.total,
    create: async (product) => (await createMany([product]))[0]!,
    createMany,
    update: async (id, { title = null, price = null }) => (await save(false, (sql) => statements(sql).update.all({ id, title, price, now: time() })))[0],
    updateMany: async (filter, changes) => (await updateWhere(conditionOf(filter), changes)).length,
    delete: async (id) => await deleteMany([id]) > 0,
    deleteMany,
    transaction: (work) => database.transaction(work),
    get inTransaction () {
      return database.inTransaction
    },
    afterSave,
    afterDelete
  }
}

function prepare (handle: Sql) {
  const newestFirst = [latestFirst(products.created), desc(products.id)]
  return {
    page: handle.select().from(products).orderBy(...newestFirst)
      .limit(sql.placeholder('limit')).offset(sql.placeholder('offset')).prepare(),
    count: handle.select({ total: count() }).from(products).prepare(),
    find: handle.select().from(products).where(eq(products.id, sql.placeholder('id'))).prepare(),
    update: handle.update(products).set({
      title: sql`coalesce(${sql.placeholder('title')}, ${products.title})`,
      price: sql`coalesce(${sql.placeholder('price')}, ${products.price})`,
      updated: movedTo(products.updated, sql.placeholder('now'))
    }).where(eq(products.id, sql.placeholder('id'))).returning().prepare(),
    insert: handle.insert(products).values({
      title: sql.placeholder('title'),
      price: sql.placeholder('price'),
      created: sql.placeholder('created'),
      updated: sql.placeholder('updated')
    }).returning().prepare()
  }
}

/** Statements are prepared once a connection. */
function perConnection<T> (make: (sql: Sql) => T): (sql: Sql) => T {
  const made = new WeakMap<Sql, T>()
  return (sql) => {
    let value = made.get(sql)
    if (value === undefined) made.set(sql, value = make(sql))
    return value
  }
}

function conditionOf (filter: ProductFilter): SQL | undefined {
  if ('ids' in filter) return amongIds(filter.ids as readonly number[])
  if ('title' in filter) return eq(products.title, filter.title as string)
  return undefined
}

/** One parameter, however many ids. */
function amongIds (ids: readonly number[]): SQL {
  return sql`${products.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`
}
