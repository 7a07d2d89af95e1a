import type Sqlite from 'better-sqlite3'
import { isTampered } from './guards.ts'
import { readCountedTables } from './row-counts.ts'
import type { TableSchema } from './schema.ts'
import {
  computeRowSlot, computeValueSlot, convertValue, type CountedColumn, describeValue, isRowNumber
} from './slots.ts'
import { listWatched } from './triggers.ts'

/** The counter of a tag: that of a table or, with `slot`, that of some of its rows. */
export interface Counter {
  readonly name: string
  readonly slot?: number
}

/** A b-tree: a table or an index. */
export interface Tree {
  /** The tag of the table; for the numbers of rows, the tags of all tables whose rows are counted. */
  readonly tables: readonly string[]
  /** The column with which an index begins, if changes of its values are counted. */
  readonly column: CountedColumn | undefined
  /** Whether its keys are row numbers. */
  readonly isTable: boolean
}

const ROW = /^-?(?:0|[1-9]\d*)$/
/** Neither the tag of a table nor the encoded name of a column has these separators. */
const SEPARATORS = /^([^:]*):(?:([^=]*)=)?(.*)$/s

/** The tables of a schema: which of them are watched by triggers, and how their tags are spelled. */
export class Catalog {
  /** Whether triggers of others may prevent counting; then nothing can be checked. */
  readonly isTampered: boolean
  /** Watched tables by tag. */
  readonly #watched = new Map<string, TableSchema>()
  readonly #trees = new Map<number, Tree | undefined>()

  constructor (connection: Sqlite.Database) {
    this.isTampered = isTampered(connection)
    for (const schema of listWatched(connection)) this.#watched.set(tableTag(schema.name), schema)
    const trees = connection.prepare('SELECT rootpage, name, tbl_name FROM sqlite_schema WHERE rootpage > 0').raw()
    const counted = Array.from(readCountedTables(connection).keys(), tableTag)
    const isEachWatched = counted.length > 0 && counted.every((tag) => this.#watched.has(tag))
    for (const [root, name, table] of trees.all() as Array<[number, string, string]>) {
      const tag = tableTag(table)
      if (table === 'larder_rows' && isEachWatched) {
        this.#trees.set(root, { tables: counted, column: undefined, isTable: false })
      }
      const watched = this.#watched.get(tag)
      if (watched === undefined) continue
      const isTable = name === table && !watched.leading.has(name)
      this.#trees.set(root, { tables: [tag], column: watched.leading.get(name), isTable })
    }
  }

  /** The tags of all watched tables. */
  get tables (): Iterable<string> {
    return this.#watched.keys()
  }

  /** Returns what a b-tree is; undefined if its table is not watched. */
  findTree (rootPage: number): Tree | undefined {
    return this.#trees.get(rootPage)
  }

  /** Returns the tag of a row, or that of its table if changes of single rows are not counted. */
  rowTag (table: string, id: unknown): string {
    return isRowNumber(id) && this.#watched.get(table)!.rowKey !== undefined ? `${table}:${id}` : table
  }

  /** Returns the tag of the rows with a value in a column, or that of the table if the value is not certain. */
  valueTag (table: string, { name, affinity }: CountedColumn, value: unknown): string {
    const stored = convertValue(affinity, value)
    return stored === undefined ? table : `${table}:${encodeURIComponent(name)}=${describeValue(stored)}`
  }

  /** Returns the tag of the table if `tag` is that of some of its rows; undefined for any other tag. */
  findTableOf (tag: string): string | undefined {
    const counter = this.findCounter(tag)
    const table = counter && tableTag(counter.name)
    return table === tag ? undefined : table
  }

  /** Returns the counter of a tag; undefined if the tag is neither a table nor some of its rows. */
  findCounter (tag: string): Counter | undefined {
    const [, table = tag, column, value = ''] = SEPARATORS.exec(tag) ?? []
    const watched = this.#watched.get(table)
    if (watched === undefined) return undefined
    const { name, rowKey, columns } = watched
    if (table === tag) return { name }
    if (column === undefined) {
      return !ROW.test(value) ? undefined : rowKey === undefined ? { name } : { name, slot: computeRowSlot(value) }
    }
    const counted = columns.find(({ name }) => encodeURIComponent(name) === column)
    const slot = counted && computeValueSlot(counted, value)
    return slot === undefined ? undefined : { name, slot }
  }
}

/** The tag of a table is its name, encoded so that it cannot be taken for a row of another table. */
function tableTag (table: string): string {
  return encodeURIComponent(table)
}
