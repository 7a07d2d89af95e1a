import type Sqlite from 'better-sqlite3'
import { LRUCache } from 'lru-cache'
import type { Catalog } from './catalog.ts'

/** Texts of statements that are remembered. */
const MAX_STATEMENTS = 1_000

/** What a statement reads: tags of tables, and rows that it looks up by a number that is known beforehand. */
export interface Dependencies {
  readonly tables: readonly string[]
  readonly rows: ReadonlyArray<{ table: string, id: number | Parameter }>
  /** It reads what no trigger watches. */
  readonly unwatched: boolean
}

/** The place of a bound value, from 0. */
interface Parameter { readonly parameter: number }

/** An instruction of SQLite's virtual machine, as EXPLAIN lists it. */
type Instruction = [address: number, opcode: string, p1: number, p2: number, p3: number, p4: string]

/**
 * Tells what statements read by the program that SQLite makes of them, so that views, joins and subqueries are seen
 * through. Any plan tells it: an answer depends on no more than one plan for it reads.
 */
export class QueryDependencies {
  readonly #known = new LRUCache<string, Dependencies>({ max: MAX_STATEMENTS })
  readonly #connection: Sqlite.Database
  #catalog: Catalog | undefined

  constructor (connection: Sqlite.Database) {
    this.#connection = connection
  }

  resolve (sql: string, parameters: readonly unknown[], catalog: Catalog): Dependencies {
    if (catalog !== this.#catalog) this.#known.clear()
    this.#catalog = catalog
    const known = this.#known.get(sql)
    if (known !== undefined) return known
    try {
      const reads = this.#explain(sql, parameters, catalog)
      this.#known.set(sql, reads)
      return reads
    } catch {
      // It may fail for its parameters, and work with others.
      return { tables: [...catalog.tables], rows: [], unwatched: true }
    }
  }

  #explain (sql: string, parameters: readonly unknown[], catalog: Catalog): Dependencies {
    const program = this.#programOf(sql, parameters)
    const opened = virtualTablesOf(program)
    const harmless = opened.length === 0 ? [] : virtualTablesOf(this.#programOf(JSON_TABLES, []))
    const reads = readsOf(program, catalog)
    return opened.every((table) => harmless.includes(table)) && !PRAGMA.test(sql) ? reads : { ...reads, unwatched: true }
  }

  #programOf (sql: string, parameters: readonly unknown[]): Instruction[] {
    return this.#connection.prepare(`EXPLAIN ${sql}`).raw().all(...parameters) as Instruction[]
  }
}

/** Virtual tables that keep nothing. Programs name virtual tables by where they are in memory. */
const JSON_TABLES = "SELECT 1 FROM json_each('1'), json_tree('1')"
/** Answers by more than the tables of the database. */
const PRAGMA = /^\s*pragma\b/i

function virtualTablesOf (program: readonly Instruction[]): string[] {
  return program.filter(([, opcode]) => opcode === 'VOpen').map((instruction) => instruction[5])
}

const OPENS = new Set(['OpenRead', 'ReopenIdx'])

function readsOf (program: readonly Instruction[], catalog: Catalog): Dependencies {
  const tables = new Set<string>()
  const rows: Array<{ table: string, id: number | Parameter }> = []
  let unwatched = false
  for (const [, opcode, cursor, root, database] of program) {
    if (!OPENS.has(opcode)) continue
    const table = database === 0 ? catalog.tableAt(root) : undefined
    const ids = rowsOf(program, cursor)
    if (table === undefined) unwatched = true
    else if (ids === undefined) tables.add(table)
    else for (const id of ids) rows.push({ table, id })
  }
  return { tables: [...tables], rows: rows.filter(({ table }) => !tables.has(table)), unwatched }
}

/** Instructions that move no cursor and go nowhere but to the next one. */
const PLAIN = new Set([
  'Variable', 'Integer', 'Int64', 'Real', 'String8', 'Null', 'Copy', 'SCopy', 'Column', 'Rowid', 'ResultRow', 'MakeRecord',
  'Function', 'PureFunc', 'Affinity', 'RealAffinity', 'Cast', 'Concat', 'Add', 'Subtract', 'Multiply', 'Divide', 'Remainder', 'And', 'Or',
  'Not', 'OpenRead', 'OpenEphemeral', 'AggStep', 'AggFinal', 'NullRow', 'Transaction', 'Halt', 'Close', 'CollSeq'
])
/** Instructions that may go elsewhere, and whose first operand is no cursor. */
const JUMPS = new Set([
  'Init', 'Goto', 'Once', 'If', 'IfNot', 'IfPos', 'IsNull', 'NotNull', 'Eq', 'Ne', 'Lt', 'Le', 'Gt', 'Ge', 'MustBeInt', 'DecrJumpZero',
  'Gosub', 'Return', 'BeginSubrtn', 'InitCoroutine', 'Yield', 'EndCoroutine'
])

/**
 * The rows that a cursor is ever moved to, where each is given by a constant or a parameter of the statement, in the
 * instruction before the move; undefined where that cannot be told.
 */
function rowsOf (program: readonly Instruction[], cursor: number): Array<number | Parameter> | undefined {
  const ids: Array<number | Parameter> = []
  for (const [address, opcode, p1, , register] of program) {
    if (p1 !== cursor || PLAIN.has(opcode) || JUMPS.has(opcode)) continue
    const id = opcode === 'SeekRowid' ? loadedBefore(program, address, register) : undefined
    if (id === undefined) return undefined
    ids.push(id)
  }
  return ids.length === 0 ? undefined : ids
}

function loadedBefore (program: readonly Instruction[], address: number, register: number): number | Parameter | undefined {
  const [, opcode, value, target] = program[address - 1]!
  if (target !== register) return undefined
  if (program.some(([, opcode,, to]) => to === address && !PLAIN.has(opcode))) return undefined
  if (opcode === 'Integer') return value
  return opcode === 'Variable' ? { parameter: value - 1 } : undefined
}
