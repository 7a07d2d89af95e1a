import type Sqlite from 'better-sqlite3'
import { triggersMatch, SLOTS, defineTriggers, readTriggers } from './triggers.ts'

/** A tag, as a place on the clock: a table, or some rows of it. */
export interface Counter {
  readonly name: string
  readonly slot?: number
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/

/** What a schema says of its tables: which of them are watched, and how their tags are spelled. */
export class Catalog {
  /** Of tables that are watched: whether changes of single rows are told apart. By the tag of the table. */
  readonly #watched = new Map<string, { table: string, byRow: boolean }>()
  readonly #tagOfRoot = new Map<number, string | undefined>()

  constructor (connection: Sqlite.Database) {
    const there = readTriggers(connection)
    for (const { table, byRow, triggers } of defineTriggers(connection)) {
      if (triggersMatch(triggers, there)) this.#watched.set(tagOf(table), { table, byRow })
    }
    const trees = connection.prepare('SELECT rootpage, tbl_name FROM sqlite_schema WHERE rootpage > 0').raw().all()
    for (const [root, table] of trees as Array<[number, string]>) {
      const tag = tagOf(table)
      this.#tagOfRoot.set(root, this.#watched.has(tag) ? tag : undefined)
    }
  }

  /** The tags of all tables. */
  get tables (): Iterable<string> {
    return this.#watched.keys()
  }

  /** The tag of the table to which a b-tree belongs; undefined where it belongs to none that is watched. */
  tableAt (rootPage: number): string | undefined {
    return this.#tagOfRoot.get(rootPage)
  }

  /** The tag of one row, or of its table where rows are not told apart. */
  rowTag (table: string, id: unknown): string {
    return isRowNumber(id) && this.#watched.get(table)!.byRow ? `${table}:${id}` : table
  }

  /** The tag of the table of which a tag means a row; undefined for any other tag. */
  tableOfRow (tag: string): string | undefined {
    const colon = tag.lastIndexOf(':')
    const table = tag.slice(0, Math.max(0, colon))
    return this.#watched.has(table) && INTEGER.test(tag.slice(colon + 1)) ? table : undefined
  }

  /** Where on the clock a tag stands; undefined for one that is neither a table nor a row. */
  findCounter (tag: string): Counter | undefined {
    const ofRow = this.tableOfRow(tag)
    const watched = this.#watched.get(ofRow ?? tag)
    if (watched === undefined) return undefined
    const { table, byRow } = watched
    return ofRow !== undefined && byRow ? { name: table, slot: slotOf(tag.slice(ofRow.length + 1)) } : { name: table }
  }
}

/** The tag of a table is its name, but for what would look like a row of another one. */
function tagOf (table: string): string {
  return encodeURIComponent(table)
}

/** Of what JavaScript and SQLite are sure to take for the same number. */
function isRowNumber (id: unknown): boolean {
  return Number.isSafeInteger(id) || typeof id === 'bigint' || (typeof id === 'string' && INTEGER.test(id))
}

/** The lowest bits of an integer, as SQLite's `&` takes them. */
function slotOf (id: string): number {
  return Number(BigInt.asUintN(Math.log2(SLOTS), BigInt(id)))
}
