import type { Cursor } from './cursor.ts'
import type { Product } from './product.ts'

/** A part of the list of products, newest first. */
export interface ListPart {
  items: Product[]
  /** Number of all products. */
  total: number
  /** The position of the last item, if there may be more. */
  next?: Cursor
}

/** A row to insert: its title, its price, and when it was created, in ISO 8601. */
export type NewRow = readonly [title: string, price: string, created: string]

export type ProductChanges = Partial<Pick<Product, 'title' | 'price'>>
/** Selects the products of a bulk update: those with these ids, those with this title, or all. */
export type ProductFilter = { ids: readonly number[] } | { title: string } | Record<string, never>

/**
 * The rows of the table of products in one kind of database.
 *
 * Each method runs in the transaction of its caller, or else reads committed rows. Those that change rows need a
 * transaction. Bulk changes run in steps, so they can be abandoned between two of them. Reads add their tags to what is
 * being cached.
 */
export interface ProductRows {
  find (id: number): Promise<Product | undefined>
  /** Returns the number of all products, which takes no longer the more there are. */
  count (): Promise<number>
  /** Reads a page. Those at the end take longer than those at the start. @param page from 1 */
  readPage (page: number, limit: number): Promise<ListPart>
  /** Reads the products after a position. */
  readAfter (cursor: Cursor, limit: number): Promise<ListPart>
  /** Waits until each other transaction that has called it has ended, in all processes. */
  waitForTurn (): Promise<void>
  insert (row: NewRow): Promise<Product>
  /** Returns the ids in the order of the rows. */
  insertMany (rows: readonly NewRow[]): Promise<number[]>
  /** Returns the updated product, or `undefined` if there is none with this id. @param now in ISO 8601 */
  update (id: number, changes: ProductChanges, now: string): Promise<Product | undefined>
  /** Returns how many products it updated. @param now in ISO 8601 */
  updateMany (filter: ProductFilter, changes: ProductChanges, now: string): Promise<number>
  /** Returns the product as it was, or `undefined` if there was none with this id. */
  delete (id: number): Promise<Product | undefined>
  /** Returns how many products it deleted. */
  deleteMany (ids: readonly number[]): Promise<number>
}
