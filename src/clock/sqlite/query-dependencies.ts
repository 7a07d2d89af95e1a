import type Sqlite from 'better-sqlite3'
import { LRUCache } from 'lru-cache'
import { ByteCode, type Instruction, type Known } from './byte-code.ts'
import type { Catalog } from './catalog.ts'
import type { CountedColumn } from './slots.ts'

/** The number of statements whose dependencies are cached. */
const MAX_STATEMENTS = 1_000

/** What a statement reads: the tags of tables, and rows that it looks up by values known in advance. */
export interface Dependencies {
  readonly tables: readonly string[]
  readonly rows: readonly Row[]
  /** The statement reads something that no trigger watches. */
  readonly unwatched: boolean
}

/** Rows of a table: one by its number or, with `column`, all with this value in a column. */
export interface Row {
  readonly table: string
  readonly column: CountedColumn | undefined
  readonly known: Known
}

/**
 * Finds what a statement reads, from the byte code that SQLite compiles it to. So views, joins and subqueries need no
 * parsing. Any query plan will do: a result depends on no more than one plan for it reads.
 *
 * The byte code is not a stable interface. Unknown instructions are safe: the statement then depends on whole tables
 * in place of rows. To notice it, the test of this file pins the version of SQLite; see there what to do after an
 * upgrade.
 */
export class QueryDependencies {
  readonly #cached = new LRUCache<string, Dependencies>({ max: MAX_STATEMENTS })
  readonly #connection: Sqlite.Database
  #catalog: Catalog | undefined

  constructor (connection: Sqlite.Database) {
    this.#connection = connection
  }

  /** Forgets all statements, since their names may mean other tables now. */
  clear (): void {
    this.#cached.clear()
  }

  resolve (sql: string, parameters: readonly unknown[], catalog: Catalog): Dependencies {
    if (catalog !== this.#catalog) this.#cached.clear()
    this.#catalog = catalog
    const cached = this.#cached.get(sql)
    if (cached !== undefined) return cached
    try {
      const dependencies = this.#explain(sql, parameters, catalog)
      this.#cached.set(sql, dependencies)
      return dependencies
    } catch {
      // Not cached: it may have failed because of its parameters, and work with others.
      return { tables: [...catalog.tables], rows: [], unwatched: true }
    }
  }

  #explain (sql: string, parameters: readonly unknown[], catalog: Catalog): Dependencies {
    const program = this.#compile(sql, parameters)
    const opened = findVirtualTables(program)
    const harmless = opened.length === 0 ? [] : findVirtualTables(this.#compile(HARMLESS_TABLES, []))
    const dependencies = findDependencies(program, catalog)
    const isWatched = opened.every((table) => harmless.includes(table)) && this.#readsTablesOnly(sql)
    return isWatched ? dependencies : { ...dependencies, unwatched: true }
  }

  /**
   * Whether the statement reads only what its byte code opens: it is a `SELECT`, also after `WITH`, or `VALUES`, or it
   * returns nothing. Others, as `PRAGMA`, read more. SQLite decides it, since its grammar allows only queries after
   * `AS`. The statement is compiled and never run.
   */
  #readsTablesOnly (sql: string): boolean {
    if (!this.#connection.prepare(sql).reader) return true
    try {
      this.#connection.prepare(`CREATE TEMP TABLE larder_query AS ${sql}`)
      return true
    } catch {
      return false
    }
  }

  /**
   * Compiles a statement for any parameters. With those of a call, SQLite may use a partial index that only they allow,
   * and write its constants in place of columns; another call would get the dependencies of this one.
   */
  #compile (sql: string, parameters: readonly unknown[]): Instruction[] {
    const statement = this.#connection.prepare(`EXPLAIN ${sql}`).raw()
    // Named parameters are in an object of their own.
    const hasNames = parameters.some((value) => isPlainObject(value))
    const hidden = parameters.map(hide)
    return (hasNames ? statement.all(...hidden) : statement.all(hidden)) as Instruction[]
  }
}

/** A parameter that equals no constant. The statement that gets it is never run. */
const ANY = Buffer.from('larder: any value')

function hide (value: unknown): unknown {
  return isPlainObject(value) ? Object.fromEntries(Object.keys(value as object).map((name) => [name, ANY])) : ANY
}

/** Whether a bound value is an object with named values. */
export function isPlainObject (value: unknown): boolean {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}

/**
 * Virtual tables without data, and that of the version of the schema, which is a part of each stamp. Byte code names
 * virtual tables by their address in memory.
 */
const HARMLESS_TABLES = "SELECT 1 FROM json_each('1'), json_tree('1'), pragma_schema_version"

function findVirtualTables (program: readonly Instruction[]): string[] {
  return program.filter(([, opcode]) => opcode === 'VOpen').map((instruction) => instruction[5])
}

const OPENS = new Set(['OpenRead', 'ReopenIdx'])

function findDependencies (program: readonly Instruction[], catalog: Catalog): Dependencies {
  const opens = program.filter(([, opcode]) => OPENS.has(opcode))
  const findTree = ([, , , root, database]: Instruction) => database === 0 ? catalog.findTree(root) : undefined
  /** A cursor may be opened for several indexes of a table, one after the other. */
  const openedBy = Map.groupBy(opens, ([, , cursor]) => cursor)
  const findOnlyTree = (cursor: number) => {
    const trees = new Set(openedBy.get(cursor)?.map(findTree))
    return trees.size === 1 ? [...trees][0] : undefined
  }
  const code = new ByteCode(program, (cursor) => findOnlyTree(cursor)?.column)
  const findRows = (cursor: number): Array<Omit<Row, 'table'>> | undefined => {
    const { column, isTable = false } = findOnlyTree(cursor) ?? {}
    const known = isTable ? code.findRows(cursor) : column && code.findValues(cursor)
    return known?.map((known) => ({ column, known }))
  }
  const tables = new Set<string>()
  const rows: Row[] = []
  let unwatched = false
  for (const open of opens) {
    const read = findTree(open)?.tables
    const found = findRows(open[2])
    if (read === undefined) unwatched = true
    else if (found === undefined) for (const table of read) tables.add(table)
    else for (const row of found) rows.push({ table: read[0]!, ...row })
  }
  return { tables: [...tables], rows: rows.filter(({ table }) => !tables.has(table)), unwatched }
}
