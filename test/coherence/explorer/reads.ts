import { eq } from 'drizzle-orm'
import type { Cache, GetOrSetOptions, LoadContext } from '../../../src/cache/index.ts'
import type { Database } from '../../../src/db/index.ts'
import { products } from '../../../src/products/table.ts'
import type { History, Part } from './history.ts'

/** What the model asks of a cache, be it ours or a naive one. */
export type ModelCache = Pick<Cache, 'getOrSet' | 'getMany' | 'touch' | 'deleteMany' | 'invalidateTags'>

/** The tag of what is read beside the database. */
export const UPSTREAM = 'upstream'

/** How an answer comes about. */
type Recipe =
  | { row: number } // one query, by the id
  | { list: true } // one query, of the table
  | { upstream: true } // no query, and a tag that is named when all is read
  | { query: readonly string[] } // several queries in one load, with time between them
  | { inTurn: readonly string[] } // made of other answers, which are kept too
  | { atOnce: readonly string[] }
  | { many: readonly string[] } // of those of them that are kept, and queries for the others

/** By the key of the answer. */
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

/** What queries that are told to fail throw. */
export class LoadFailed extends Error {}

/** How a read is done. */
export interface Manner {
  readonly options: GetOrSetOptions
  /** Its queries, if it makes any, fail. */
  readonly fails: boolean
}

export interface Reader {
  cache: ModelCache
  database: Database
  history: History
  pause: (label: string) => Promise<void>
}

/** Reads a key through the cache. */
export async function readThrough (reader: Reader, key: string, manner: Manner): Promise<Part[]> {
  return await reader.cache.getOrSet(key, async (context) => {
    await reader.pause(`load ${key} begins`)
    const parts = await make(reader, RECIPES[key]!, manner, context)
    await reader.pause(`load ${key} ends`)
    return parts
  }, manner.options)
}

async function make (reader: Reader, recipe: Recipe, manner: Manner, context: LoadContext): Promise<Part[]> {
  const { cache, pause } = reader
  const parts: Part[] = []
  if ('query' in recipe) {
    for (const key of recipe.query) {
      parts.push(query(reader, RECIPES[key]!, manner, context))
      await pause(`between queries of ${context.key}`)
    }
  } else if ('inTurn' in recipe) {
    for (const key of recipe.inTurn) parts.push(...await readThrough(reader, key, manner))
  } else if ('atOnce' in recipe) {
    for (const some of await Promise.all(recipe.atOnce.map((key) => readThrough(reader, key, manner)))) parts.push(...some)
  } else if ('many' in recipe) {
    const kept = await cache.getMany<Part[]>(recipe.many)
    for (const key of recipe.many) parts.push(...kept.get(key) ?? [query(reader, RECIPES[key]!, manner, context)])
  } else {
    parts.push(query(reader, recipe, manner, context))
  }
  return parts
}

function query ({ database, history }: Reader, recipe: Recipe, manner: Manner, context: LoadContext): Part {
  if (manner.fails) throw new LoadFailed(context.key)
  if ('upstream' in recipe) {
    const state = history.upstream
    context.addTags(UPSTREAM)
    return { of: 'upstream', state }
  }
  const { id, title } = products
  const part: Part = 'row' in recipe
    ? { of: 'row', id: recipe.row, title: database.sql.select({ title }).from(products).where(eq(id, recipe.row)).get()?.title ?? null }
    : { of: 'list', rows: rowsOf(database) }
  history.observe()
  return part
}

/** The table, as whoever asks sees it here and now. */
export function rowsOf (database: Database): Array<[number, string]> {
  const rows = database.sql.select({ id: products.id, title: products.title }).from(products).all()
  return rows.map(({ id, title }) => [id, title])
}
