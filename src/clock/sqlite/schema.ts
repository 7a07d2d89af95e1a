import type Sqlite from 'better-sqlite3'
import type { Affinity, CountedColumn } from './slots.ts'

/** The names of the number of a row, unless columns have them. */
export const ROW_NUMBERS = ['rowid', 'oid', '_rowid_']

/** Columns of which no two rows have the same values. */
export interface UniqueKey {
  readonly columns: ReadonlyArray<{ readonly name: string, readonly collation: string }>
}

/** A table, as far as the clock needs it. */
export interface TableSchema {
  readonly name: string
  /** The column that is an alias of the row number, if changes of single rows can be counted by it. */
  readonly rowKey: string | undefined
  /** The columns whose values are counted: those that an index begins with. */
  readonly columns: readonly CountedColumn[]
  /** The columns whose values could be counted. */
  readonly countable: readonly CountedColumn[]
  /** The column with which an index begins, if it is counted, by the name of what has the b-tree: index or table. */
  readonly leading: ReadonlyMap<string, CountedColumn>
  /** All keys, also that of the row number. */
  readonly keys: readonly UniqueKey[]
}

interface Column { name: string, type: string, notnull: number, fallback: number, pk: number, hidden: number }

interface Index {
  name: string
  isPrimary: boolean
  isUnique: boolean
  isPartial: boolean
  columns: Array<{ cid: number, name: string | null, collation: string }>
}

interface IndexPart {
  index: string
  isUnique: number
  isPartial: number
  origin: string
  cid: number
  name: string
  collation: string
}

interface ForeignKey { parent: string, onDelete: string }

const COLLATIONS = ['BINARY', 'NOCASE', 'RTRIM']

/** Reads the tables of a database in a few queries, since some databases have hundreds of tables. */
export class SchemaReader {
  readonly #columns: Map<string, Column[]>
  readonly #indexes: Map<string, Index[]>
  readonly #foreignKeys: Map<string, ForeignKey[]>
  readonly #kinds: Map<string, { wr: number, strict: number }>

  constructor (connection: Sqlite.Database) {
    const readRows = <T>(sql: string) => connection.prepare(sql).all() as Array<T & { table: string }>
    const ofTables = "FROM sqlite_schema AS t, %(t.name, 'main') AS x WHERE t.type = 'table' AND t.rootpage > 0"
    const from = (pragma: string) => ofTables.replace('%', pragma)
    this.#columns = groupBy(readRows<Column>(
      'SELECT t.name AS "table", x.name, x.type, "notnull", dflt_value IS NOT NULL AS fallback, pk, hidden ' +
      `${from('pragma_table_xinfo')} ORDER BY t.name, cid`), ({ table }) => table)
    this.#foreignKeys = groupBy(readRows<ForeignKey>(
      `SELECT t.name AS "table", x."table" AS parent, on_delete AS onDelete ${from('pragma_foreign_key_list')}`),
    ({ table }) => table.toLowerCase())
    this.#kinds = new Map(readRows<{ wr: number, strict: number }>(
      'SELECT name AS "table", wr, strict FROM pragma_table_list WHERE schema = \'main\''
    ).map(({ table, ...kind }) => [table, kind]))
    const parts = readRows<IndexPart>(`SELECT t.name AS "table", x.name AS "index", x."unique" AS isUnique,
      x.partial AS isPartial, x.origin, c.cid, c.name, upper(c.coll) AS collation FROM sqlite_schema AS t,
      pragma_index_list(t.name, 'main') AS x, pragma_index_xinfo(x.name, 'main') AS c
      WHERE t.type = 'table' AND t.rootpage > 0 AND c.key ORDER BY t.name, x.seq, c.seqno`)
    this.#indexes = new Map([...groupBy(parts, ({ table }) => table)].map(([table, parts]) => [
      table, [...groupBy(parts, ({ index }) => index)].map(([name, columns]) => ({
        name,
        isPrimary: columns[0]!.origin === 'pk',
        isUnique: columns[0]!.isUnique === 1,
        isPartial: columns[0]!.isPartial === 1,
        columns
      }))
    ]))
  }

  readTable (name: string): TableSchema {
    const columns = this.#columns.get(name)!
    const indexes = this.#indexes.get(name) ?? []
    const rowKey = this.#findRowKey(name)
    const uniques = indexes.filter(({ isUnique }) => isUnique)
    if (this.#isInCycle(name) || !uniques.every((index) => isKnownKey(index, columns))) {
      return { name, rowKey: undefined, columns: [], countable: [], leading: new Map(), keys: [] }
    }
    const isStrict = this.#kinds.get(name)!.strict === 1
    const countable = columns.filter((column) => column.hidden === 0 && column.name !== rowKey)
      .map(({ name, type }) => ({ name, affinity: findAffinity(type, isStrict) }))
    const leading = this.#findLeading(name, countable)
    const counted = new Set(leading.values())
    const keys = uniques.map(({ columns }) => ({
      columns: columns.map(({ name, collation }) => ({ name: name!, collation }))
    }))
    const number = rowKey ?? this.#findRowNumber(name)
    const byRow = number === undefined ? [] : [{ columns: [{ name: number, collation: 'BINARY' }] }]
    const counting = countable.filter((column) => counted.has(column))
    return { name, rowKey, columns: counting, countable, leading, keys: [...byRow, ...keys] }
  }

  /** Finds a name for the row numbers of a table, which programs can set also if no column is an alias of them. */
  #findRowNumber (name: string): string | undefined {
    if (this.#kinds.get(name)!.wr === 1) return undefined
    const columns = new Set(this.#columns.get(name)!.map(({ name }) => name.toLowerCase()))
    return ROW_NUMBERS.find((number) => !columns.has(number))
  }

  /** Finds the indexes that begin with one of these columns, compared byte by byte. */
  #findLeading (table: string, countable: readonly CountedColumn[]): Map<string, CountedColumn> {
    const hasRowNumbers = this.#kinds.get(table)!.wr === 0
    return new Map((this.#indexes.get(table) ?? []).flatMap(({ name, isPrimary, columns: [first] }) => {
      const column = countable.find(({ name }) => name === first!.name)
      if (column === undefined || first!.collation !== 'BINARY') return []
      // A table without row numbers is the b-tree of its primary key.
      return [[isPrimary && !hasRowNumbers ? table : name, column]]
    }))
  }

  /** Finds the column that is an alias of the row number. */
  #findRowKey (table: string): string | undefined {
    // A primary key that is not the row number has an index.
    if (this.#indexes.get(table)?.some(({ isPrimary }) => isPrimary)) return undefined
    return this.#columns.get(table)!.find(({ pk }) => pk > 0)?.name
  }

  /**
   * Whether the actions of foreign keys lead from a table back to it. Then a row that `REPLACE` deletes without a
   * trigger may cascade to the row that replaces it, and neither is counted.
   */
  #isInCycle (table: string): boolean {
    const reached = new Set<string>()
    const visit = (name: string): void => {
      for (const { parent, onDelete } of this.#foreignKeys.get(name.toLowerCase()) ?? []) {
        const next = parent.toLowerCase()
        if (reached.has(next) || onDelete === 'NO ACTION' || onDelete === 'RESTRICT') continue
        reached.add(next)
        visit(next)
      }
    }
    visit(table)
    return reached.has(table.toLowerCase())
  }
}

/** Whether it can be said which rows a new row replaces because of this key. */
function isKnownKey ({ isPartial, columns }: Index, all: readonly Column[]): boolean {
  return !isPartial && columns.every(({ cid, name, collation }) => {
    const column = all.find((column) => column.name === name)
    // In place of a null, `REPLACE` may store the default value after all triggers that could see it.
    return cid >= 0 && COLLATIONS.includes(collation) && column?.hidden === 0 && !(column.notnull && column.fallback)
  })
}

function findAffinity (type: string, strict: boolean): Affinity {
  if (/int/i.test(type)) return 'numeric'
  if (/char|clob|text/i.test(type)) return 'text'
  return type === '' || /blob/i.test(type) || (strict && /^any$/i.test(type)) ? 'none' : 'numeric'
}

function groupBy<T> (items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(key(item))
    if (group === undefined) groups.set(key(item), [item])
    else group.push(item)
  }
  return groups
}
