import {
  type ClockTables, type Flaws, fold, type Folding, isStale, look, type LookRow, type Question
} from './clock-functions.ts'
import type { ModelSnapshot } from './snapshot.ts'
import { type Change, Numbers, Transaction } from './transactions.ts'

/** The number of the table. */
const FIRST_RELATION = 1
const SCHEMA = { rel: 0, slot: -1 }
const FIRST_XID = 100
/** So few that some looks list more. */
const MAX_CHANGES = 3

/** What can be read. */
export interface State {
  readonly rows: ReadonlyMap<number, number>
  readonly schema: number
}

/** What outlives a crash, as of one record of the log. */
interface Durable extends State {
  readonly changes: readonly Change[]
  readonly prepared: readonly Transaction[]
  readonly lastXid: number
}

/** A PostgreSQL with the clock, as far as one can see from outside which transactions are visible. */
export class ModelServer {
  readonly #flaws: Flaws
  readonly #maxChanges: number
  /** All states that could be read, one after the other. */
  readonly states: State[]
  /** Counts crashes and failovers. */
  life = 0
  #changes: readonly Change[] = []
  #folding: Folding | undefined
  #nonce: string | undefined
  readonly #log: Durable[]
  #numbers = new Numbers(FIRST_XID)
  #open = new Set<Transaction>()
  #written = 0
  #histories = 0
  #fold: { xid: number, gone: ReadonlySet<Change>, folding: Folding } | undefined

  /** @param maxChanges that a look lists one by one */
  constructor (rows: number, flaws: Flaws = {}, maxChanges = MAX_CHANGES) {
    this.#flaws = flaws
    this.#maxChanges = maxChanges
    const first = { rows: new Map(Array.from({ length: rows }, (_, i) => [i + 1, 0])), schema: 0 }
    this.states = [first]
    this.#log = [{ ...first, changes: [], prepared: [], lastXid: FIRST_XID - 1 }]
  }

  get #state (): State {
    return this.states.at(-1)!
  }

  get #tables (): ClockTables {
    return {
      flaws: this.#flaws,
      now: this.takeSnapshot(),
      nonce: this.#nonce,
      changes: this.#changes,
      folding: this.#folding
    }
  }

  /** The visible changes. */
  get changes (): readonly Change[] {
    return this.#changes
  }

  takeSnapshot (): ModelSnapshot {
    const snapshot = this.#numbers.takeSnapshot()
    return this.#flaws.isStandby ? { ...snapshot, xmin: snapshot.xmax, xip: [] } : snapshot
  }

  begin (): Transaction {
    const transaction = new Transaction()
    this.#open.add(transaction)
    return transaction
  }

  /** Whether it was lost in a crash. */
  isLost (transaction: Transaction): boolean {
    return !this.#open.has(transaction)
  }

  /** The number of the table: each change of the schema replaces the table. */
  get relation (): number {
    return FIRST_RELATION + this.#state.schema
  }

  /** Whether a transaction has to wait for another one. @param row undefined: it changes the schema */
  isLocked (row: number | undefined, by: Transaction): boolean {
    return [...this.#open].some((other) => other !== by && (other.changesSchema || other.locks(row)))
  }

  write (transaction: Transaction, row: number): void {
    this.#list(transaction, this.relation + Number(transaction.changesSchema), row)
    transaction.levels.at(-1)!.rows.set(row, ++this.#written)
  }

  changeSchema (transaction: Transaction): void {
    this.#list(transaction, SCHEMA.rel, SCHEMA.slot)
    transaction.levels.at(-1)!.changesSchema = true
  }

  #list (transaction: Transaction, rel: number, slot: number): void {
    const { top, savepoint } = transaction
    const topXid = top.xid ?? this.#numbers.give(true)
    top.xid = topXid
    if (savepoint !== undefined) savepoint.xid ??= this.#numbers.give(false)
    const { xid = topXid, changes } = savepoint ?? top
    changes.push({ xid: this.#flaws.listsSavepoints ? xid : topXid, rel, slot, sequence: ++this.#written })
  }

  rollbackToSavepoint (transaction: Transaction): void {
    this.#numbers.end(transaction.savepoint!.xid)
    transaction.savepoint = undefined
  }

  prepare (transaction: Transaction): void {
    transaction.top.xid ??= this.#numbers.give(true) // also if it has written nothing
    transaction.isPrepared = true
    this.#writeLog()
  }

  commit (transaction: Transaction): void {
    const { top } = transaction
    const { rows, schema } = this.#state
    this.#open.delete(transaction)
    this.#changes = [...this.#changes, ...top.changes]
    this.states.push({ rows: new Map([...rows, ...top.rows]), schema: schema + Number(top.changesSchema) })
    this.#end(transaction)
    this.#writeLog()
  }

  rollback (transaction: Transaction): void {
    this.#open.delete(transaction)
    this.#end(transaction)
  }

  #end (transaction: Transaction): void {
    for (const xid of transaction.numbers) this.#numbers.end(xid)
  }

  #writeLog (): void {
    const prepared = [...this.#open].filter(({ isPrepared }) => isPrepared)
    const lastXid = Math.max(this.#log.at(-1)!.lastXid, this.#numbers.takeSnapshot().xmax - 1,
      ...prepared.flatMap(({ numbers }) => numbers))
    this.#log.push({ ...this.#state, changes: this.#changes, prepared, lastXid })
  }

  /** Crashes, and recovers without the last records of the log. So does a standby that is promoted. */
  crash (lost: number): void {
    this.life++
    this.#log.splice(Math.max(1, this.#log.length - lost))
    const { changes, prepared, lastXid, rows, schema } = this.#log.at(-1)!
    this.states.push({ rows, schema })
    this.#changes = this.#flaws.losesChanges ? [] : changes
    this.#open = new Set(prepared)
    // Numbers of transactions that are not in the log are given again.
    this.#numbers = new Numbers(lastXid + 1)
    for (const { top } of prepared) {
      if (this.#flaws.losesChanges) top.changes.length = 0
      if (top.xid !== undefined) this.#numbers.reopen(top.xid)
    }
    this.#fold = undefined
    if (this.#flaws.keepsNonce) return
    this.#nonce = undefined
    this.#folding = undefined
  }

  /** larder.begin_history() */
  beginHistory (): string {
    if (this.#nonce !== undefined) return this.#nonce
    const { xmin } = this.takeSnapshot()
    this.#folding = { floor: xmin, nextFloor: xmin, folded: new Map() }
    this.#numbers.end(this.#numbers.give(true))
    this.#nonce = `history${++this.#histories}`
    return this.#nonce
  }

  look (since: ModelSnapshot): LookRow[] {
    return look(this.#tables, since, this.#maxChanges)
  }

  /** Returns the name of the history, and the positions of stale entries, from 1. */
  findStale (questions: readonly Question[]): [nonce: string | null, stale: string] {
    const tables = this.#tables
    return [this.#nonce ?? null, `{${questions.flatMap((question, i) => isStale(tables, question) ? [i + 1] : [])}}`]
  }

  /** Folds in a transaction that stays open. False if another one does, or there is nothing to fold. */
  beginFold (): boolean {
    if (this.#fold !== undefined || this.#folding === undefined || this.#changes.length === 0) return false
    const xid = this.#numbers.give(true)
    this.#fold = { xid, ...fold(this.#tables) }
    return true
  }

  endFold (): void {
    if (this.#fold === undefined) return // it was lost in a crash
    const { xid, gone, folding } = this.#fold
    this.#changes = this.#changes.filter((change) => !gone.has(change))
    this.#folding = folding
    this.#numbers.end(xid)
    this.#fold = undefined
    this.#writeLog()
  }
}
