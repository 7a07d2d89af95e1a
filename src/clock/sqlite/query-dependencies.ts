import type Sqlite from 'better-sqlite3'
import { LRUCache } from 'lru-cache'
import type { Catalog } from './catalog.ts'

/** The number of statements whose dependencies are cached. */
const MAX_STATEMENTS = 1_000

/** What a statement reads: the tags of tables, and rows that it looks up by a number known in advance. */
export interface Dependencies {
  readonly tables: readonly string[]
  readonly rows: ReadonlyArray<{ table: string, id: number | Parameter }>
  /** The statement reads something that no trigger watches. */
  readonly unwatched: boolean
}

/** The position of a bound value, from 0. */
interface Parameter { readonly parameter: number }

/** An instruction of SQLite's virtual machine, as `EXPLAIN` lists it. */
type Instruction = [address: number, opcode: string, p1: number, p2: number, p3: number, p4: string]

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
    const harmless = opened.length === 0 ? [] : findVirtualTables(this.#compile(JSON_TABLES, []))
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

  #compile (sql: string, parameters: readonly unknown[]): Instruction[] {
    const statement = this.#connection.prepare(`EXPLAIN ${sql}`).raw()
    // Named parameters are in an object of their own.
    const hasNames = parameters.some((value) => isPlainObject(value))
    return (hasNames ? statement.all(...parameters) : statement.all(parameters)) as Instruction[]
  }
}

function isPlainObject (value: unknown): boolean {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}

/** Virtual tables without data. Byte code names virtual tables by their address in memory. */
const JSON_TABLES = "SELECT 1 FROM json_each('1'), json_tree('1')"

function findVirtualTables (program: readonly Instruction[]): string[] {
  return program.filter(([, opcode]) => opcode === 'VOpen').map((instruction) => instruction[5])
}

const OPENS = new Set(['OpenRead', 'ReopenIdx'])

function findDependencies (program: readonly Instruction[], catalog: Catalog): Dependencies {
  const tables = new Set<string>()
  const rows: Array<{ table: string, id: number | Parameter }> = []
  let unwatched = false
  for (const [, opcode, cursor, root, database] of program) {
    if (!OPENS.has(opcode)) continue
    const table = database === 0 ? catalog.findTable(root) : undefined
    const ids = findRows(program, cursor)
    if (table === undefined) unwatched = true
    else if (ids === undefined) tables.add(table)
    else for (const id of ids) rows.push({ table, id })
  }
  return { tables: [...tables], rows: rows.filter(({ table }) => !tables.has(table)), unwatched }
}

/** Instructions that neither move a cursor nor jump. */
const PLAIN = new Set([
  'Variable', 'Integer', 'Int64', 'Real', 'String8', 'Null', 'Copy', 'SCopy', 'Column', 'Rowid', 'ResultRow',
  'MakeRecord', 'Function', 'PureFunc', 'Affinity', 'RealAffinity', 'Cast', 'Concat', 'Add', 'Subtract', 'Multiply',
  'Divide', 'Remainder', 'And', 'Or', 'Not', 'OpenRead', 'OpenEphemeral', 'AggStep', 'AggFinal', 'NullRow',
  'Transaction', 'Halt', 'Close', 'CollSeq'
])
/** Instructions that may jump, and whose first operand is not a cursor. */
const JUMPS = new Set([
  'Init', 'Goto', 'Once', 'If', 'IfNot', 'IfPos', 'IsNull', 'NotNull', 'Eq', 'Ne', 'Lt', 'Le', 'Gt', 'Ge', 'MustBeInt',
  'DecrJumpZero', 'Gosub', 'Return', 'BeginSubrtn', 'InitCoroutine', 'Yield', 'EndCoroutine'
])

/**
 * Lists the rows that a cursor is moved to, if each is given by a constant or a parameter of the statement, in the
 * instruction before the move. Returns undefined if that is not certain.
 */
function findRows (program: readonly Instruction[], cursor: number): Array<number | Parameter> | undefined {
  const ids: Array<number | Parameter> = []
  for (const [address, opcode, p1, , register] of program) {
    if (p1 !== cursor || PLAIN.has(opcode) || JUMPS.has(opcode)) continue
    const id = opcode === 'SeekRowid' ? findLoaded(program, address, register) : undefined
    if (id === undefined) return undefined
    ids.push(id)
  }
  return ids.length === 0 ? undefined : ids
}

/** Returns the constant or parameter that the instruction before an address loads into a register. */
function findLoaded (
  program: readonly Instruction[], address: number, register: number
): number | Parameter | undefined {
  const [, opcode, value, target] = program[address - 1]!
  if (target !== register) return undefined
  if (program.some(([, opcode,, to]) => to === address && !PLAIN.has(opcode))) return undefined
  if (opcode === 'Integer') return value
  return opcode === 'Variable' ? { parameter: value - 1 } : undefined
}
