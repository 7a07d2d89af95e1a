import type { Slot } from './recent-changes.ts'
import { computeNameSlot, computeSlot, type CountedColumn, describeValue, type Kind } from './slots.ts'

/** A table, or a materialized view. */
interface Relation {
  readonly name: string
  /** Whether all its changes are listed. */
  readonly isWatched: boolean
  /** The tables whose tags its changes move: itself, or the roots of its tree of partitions. */
  readonly roots: readonly string[]
  readonly columns: readonly CountedColumn[]
}

/** A row of `larder.catalog()`. */
type Row = [
  oid: number, schema: string, name: string, isWatched: boolean, roots: number[],
  columns: Array<[number, string, Kind, boolean]>
]

/** What a plan may contain that reads tables unseen. */
export interface Unsafe {
  readonly functions: ReadonlySet<string>
  readonly operators: readonly string[]
  /** Whether there are casts that no plan shows. */
  readonly casts: boolean
}

/** Names that need no quotes in a tag. */
const PLAIN = /^[^".:=]+$/

/** The names of tables and the slots of their rows, as of one state of the schema. */
export class Catalog {
  readonly unsafe: Unsafe
  readonly #relations = new Map<string, Relation>()
  /** By the name that begins their tags. */
  readonly #byTag = new Map<string, { rel: string, columns: readonly CountedColumn[] }>()
  /** Names of tables that changes are not seen of. */
  readonly unwatched: string[] = []

  /** @param relations the result of `larder.catalog()`, as is `unsafe` */
  constructor (relations: string, unsafe: string) {
    const rows = JSON.parse(relations) as Row[]
    const tags = new Map(rows.map(([oid, schema, name]) => [oid, writeTable(schema, name)]))
    for (const [oid, schema, name, isWatched, roots, list] of rows) {
      const columns = list.map(([number, name, kind, isKey]) => ({ number, name, kind, isKey }))
      const tag = tags.get(oid)!
      this.#relations.set(JSON.stringify([schema, name]), {
        name: tag, isWatched, columns, roots: roots.map((root) => tags.get(root)!)
      })
      this.#byTag.set(tag, { rel: String(oid), columns })
      if (!isWatched) this.unwatched.push(tag)
    }
    const { functions, operators, casts } = JSON.parse(unsafe) as
      { functions: string[], operators: string[], casts: boolean }
    this.unsafe = { functions: new Set(functions), operators, casts }
  }

  findRelation (schema: string, name: string): Relation | undefined {
    return this.#relations.get(JSON.stringify([schema, name]))
  }

  /** Returns the table whose rows a tag is about, if any. */
  findTableOf (tag: string): string | undefined {
    const table = tag.slice(0, findColon(tag))
    return !this.#byTag.has(tag) && this.#byTag.has(table) && this.resolve(tag).rel !== '0' ? table : undefined
  }

  /** Returns where the changes of a tag are listed. */
  resolve (tag: string): Slot {
    const table = this.#byTag.get(tag)
    if (table !== undefined) return { rel: table.rel, slot: undefined }
    const colon = findColon(tag)
    const owner = this.#byTag.get(tag.slice(0, colon))
    const slot = owner && findSlot(owner.columns, tag.slice(colon + 1))
    return slot === undefined ? { rel: '0', slot: computeNameSlot(tag) } : { rel: owner!.rel, slot }
  }
}

/** Writes the tag of a table. */
function writeTable (schema: string, name: string): string {
  return schema === 'public' ? quote(name) : `${quote(schema)}.${quote(name)}`
}

function quote (name: string): string {
  return PLAIN.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

/** Returns the tag of the rows with a value in a column; undefined if it is not certain which these are. */
export function writeRowTag (table: string, { name, kind, isKey }: CountedColumn, value: unknown): string | undefined {
  const description = describeValue(kind, value)
  if (description === undefined) return undefined
  return isKey ? `${table}:${description}` : `${table}:${quote(name)}=${description}`
}

/** Returns the position of the first colon outside quotes; -1: none. */
function findColon (tag: string): number {
  const { length } = /^(?:"(?:[^"]|"")*"|[^":])*/.exec(tag)![0]
  return length === tag.length ? -1 : length
}

function findSlot (columns: readonly CountedColumn[], text: string): number | undefined {
  for (const column of columns) {
    const prefix = column.isKey ? '' : `${quote(column.name)}=`
    if (!text.startsWith(prefix)) continue
    const slot = computeSlot(column, text.slice(prefix.length))
    if (slot !== undefined) return slot
  }
  return undefined
}
