import { eq } from 'drizzle-orm'
import type { Cache, GetOrSetOptions, LoadContext } from '../../../src/cache/index.ts'
import type { SqliteDatabase } from '../../../src/db/index.ts'
import { products } from '../../../src/products/sqlite/table.ts'
import type { History, Part } from './history.ts'

/** The part of the cache interface that scenarios use, and that naive caches implement. */
export type ModelCache = Pick<Cache, 'getOrSet' | 'getMany' | 'touch' | 'deleteMany' | 'invalidateTags'>

/** The tag of a source other than the database. */
export const UPSTREAM = 'upstream'

/** How a value is loaded. */
type Recipe =
  | { row: number } // one query, by the id
  | { list: true } // one query, of the table
  | { upstream: true } // no query, and a tag that is added after the read
  | { query: readonly string[] } // several queries in one load, with time between them
  | { inTurn: readonly string[] } // composed of other values, which are cached too
  | { atOnce: readonly string[] }
  | { many: readonly string[] } // getMany, and queries for those that are missing

/** The recipes, by cache key. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  row1: { row: 1 },
  row2: { row: 2 },
  list: { list: true },
  upstream: { upstream: true },
  queries: { query: ['row2', 'list', 'row1'] },
  outer: { inTurn: ['row1'] },
  outerOfList: { inTurn: ['list'] },
  outerOfOuter: { inTurn: ['outer', 'upstream'] },
  atOnce: { atOnce: ['row1', 'list', 'row2'] },
  many: { many: ['row1', 'row2', 'upstream'] }
}

export const KEYS = Object.keys(RECIPES)

/** The error of queries that have to fail. */
export class LoadFailed extends Error {}

/** How to read. */
export interface ReadMode {
  readonly options: GetOrSetOptions
  /** Its queries fail, if it makes any. */
  readonly fails: boolean
}

export interface Reader {
  cache: ModelCache
  database: SqliteDatabase
  history: History
  pause: (label: string) => Promise<void>
}

/** Reads a key through the cache. */
export async function readThrough (reader: Reader, key: string, mode: ReadMode): Promise<Part[]> {
  return await reader.cache.getOrSet(key, async (context) => {
    await reader.pause(`load ${key} begins`)
    const parts = await load(reader, RECIPES[key]!, mode, context)
    await reader.pause(`load ${key} ends`)
    return parts
  }, mode.options)
}

async function load (reader: Reader, recipe: Recipe, mode: ReadMode, context: LoadContext): Promise<Part[]> {
  const { cache, pause } = reader
  const parts: Part[] = []
  if ('query' in recipe) {
    for (const key of recipe.query) {
      parts.push(await query(reader, RECIPES[key]!, mode, context))
      await pause(`between queries of ${context.key}`)
    }
  } else if ('inTurn' in recipe) {
    for (const key of recipe.inTurn) parts.push(...await readThrough(reader, key, mode))
  } else if ('atOnce' in recipe) {
    const values = await Promise.all(recipe.atOnce.map((key) => readThrough(reader, key, mode)))
    parts.push(...values.flat())
  } else if ('many' in recipe) {
    const found = await cache.getMany<Part[]>(recipe.many)
    for (const key of recipe.many) parts.push(...found.get(key) ?? [await query(reader, RECIPES[key]!, mode, context)])
  } else {
    parts.push(await query(reader, recipe, mode, context))
  }
  return parts
}

async function query (
  { database, history }: Reader, recipe: Recipe, mode: ReadMode, context: LoadContext
): Promise<Part> {
  if (mode.fails) throw new LoadFailed(context.key)
  if ('upstream' in recipe) {
    const state = history.upstream
    context.addTags(UPSTREAM)
    return { of: 'upstream', state }
  }
  return 'row' in recipe ? await readRow(database, recipe.row) : { of: 'list', rows: await readRows(database) }
}

async function readRow (database: SqliteDatabase, row: number): Promise<Part> {
  const { id, title } = products
  const found = await database.sql.select({ title }).from(products).where(eq(id, row)).get()
  return { of: 'row', id: row, title: found?.title ?? null }
}

/** Reads all products, inside or outside a transaction. */
export async function readRows (database: SqliteDatabase): Promise<Array<[number, string]>> {
  const rows = await database.sql.select({ id: products.id, title: products.title }).from(products).all()
  return rows.map(({ id, title }) => [id, title])
}
