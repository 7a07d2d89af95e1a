import type Sqlite from 'better-sqlite3'
import { isTampered } from './guards.ts'
import { defineTriggers, readTriggers, SLOTS, triggersMatch } from './triggers.ts'

/** The counter of a tag: that of a table or, with `slot`, that of some rows of it. */
export interface Counter {
  readonly name: string
  readonly slot?: number
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/

/** The tables of a schema: which of them are watched by triggers, and how their tags are spelled. */
export class Catalog {
  /** Whether triggers of others may prevent counting; then nothing can be checked. */
  readonly isTampered: boolean
  /** Watched tables by tag. `byRow`: changes of single rows are counted too. */
  readonly #watched = new Map<string, { table: string, byRow: boolean }>()
  readonly #tagsByRoot = new Map<number, string | undefined>()

  constructor (connection: Sqlite.Database) {
    this.isTampered = isTampered(connection)
    const existingTriggers = readTriggers(connection)
    for (const { table, byRow, triggers } of defineTriggers(connection)) {
      if (triggersMatch(triggers, existingTriggers)) this.#watched.set(tableTag(table), { table, byRow })
    }
    const trees = connection.prepare('SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0').raw().all()
    for (const [root, table] of trees as Array<[number, string]>) {
      const tag = tableTag(table)
      this.#tagsByRoot.set(root, this.#watched.has(tag) ? tag : undefined)
    }
  }

  /** The tags of all watched tables. */
  get tables (): Iterable<string> {
    return this.#watched.keys()
  }

  /** Returns the tag of the table that a b-tree belongs to; undefined if that table is not watched. */
  findTable (rootPage: number): string | undefined {
    return this.#tagsByRoot.get(rootPage)
  }

  /** Returns the tag of a row, or that of its table if changes of single rows are not counted. */
  rowTag (table: string, id: unknown): string {
    return isRowNumber(id) && this.#watched.get(table)!.byRow ? `${table}:${id}` : table
  }

  /** Returns the tag of the table if `tag` is that of a row; undefined for any other tag. */
  parseRowTag (tag: string): string | undefined {
    const colon = tag.lastIndexOf(':')
    const table = tag.slice(0, Math.max(0, colon))
    return this.#watched.has(table) && INTEGER.test(tag.slice(colon + 1)) ? table : undefined
  }

  /** Returns the counter of a tag; undefined if the tag is neither a table nor a row. */
  findCounter (tag: string): Counter | undefined {
    const tableOfRow = this.parseRowTag(tag)
    const watched = this.#watched.get(tableOfRow ?? tag)
    if (watched === undefined) return undefined
    const { table, byRow } = watched
    if (tableOfRow === undefined || !byRow) return { name: table }
    return { name: table, slot: computeSlot(tag.slice(tableOfRow.length + 1)) }
  }
}

/** The tag of a table is its name, encoded so that it cannot be taken for a row of another table. */
function tableTag (table: string): string {
  return encodeURIComponent(table)
}

/** Whether JavaScript and SQLite read a value as the same row number for sure. */
function isRowNumber (id: unknown): boolean {
  return Number.isSafeInteger(id) || typeof id === 'bigint' || (typeof id === 'string' && INTEGER.test(id))
}

/** Returns the lowest bits of an integer, as `&` of SQLite does in the triggers. */
function computeSlot (id: string): number {
  return Number(BigInt.asUintN(Math.log2(SLOTS), BigInt(id)))
}
