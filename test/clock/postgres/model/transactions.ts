import type { ModelSnapshot } from './snapshot.ts'

/** A row of `larder.changes`. */
export interface Change {
  readonly xid: number
  readonly rel: number
  readonly slot: number
  /** A number from a sequence, which a naive clock compares. */
  readonly sequence: number
}

/** What a transaction, or a savepoint in it, has written. */
interface Level {
  xid: number | undefined
  readonly rows: Map<number, number>
  changesSchema: boolean
  readonly changes: Change[]
}

const createLevel = (): Level => ({ xid: undefined, rows: new Map(), changesSchema: false, changes: [] })

/** A transaction, with at most one savepoint at a time. */
export class Transaction {
  readonly top: Level = createLevel()
  /** The numbers of savepoints that belong to it now. */
  readonly #released: number[] = []
  savepoint: Level | undefined
  isPrepared = false

  get levels (): Level[] {
    return this.savepoint === undefined ? [this.top] : [this.top, this.savepoint]
  }

  /** All numbers that end with it. */
  get numbers (): number[] {
    return [...this.levels.flatMap(({ xid }) => xid ?? []), ...this.#released]
  }

  get changesSchema (): boolean {
    return this.levels.some(({ changesSchema }) => changesSchema)
  }

  /** @param row undefined: any */
  locks (row: number | undefined): boolean {
    return this.levels.some(({ rows }) => row === undefined ? rows.size > 0 : rows.has(row))
  }

  beginSavepoint (): void {
    this.savepoint = createLevel()
  }

  release (): void {
    const { xid, rows, changes, changesSchema } = this.savepoint!
    if (xid !== undefined) this.#released.push(xid)
    for (const [row, value] of rows) this.top.rows.set(row, value)
    this.top.changes.push(...changes)
    this.top.changesSchema ||= changesSchema
    this.savepoint = undefined
  }
}

/** Gives numbers to transactions, and knows which of them have not ended. */
export class Numbers {
  #next: number
  #lastEnded: number
  readonly #open = new Set<number>()

  constructor (next: number) {
    this.#next = next
    this.#lastEnded = next - 1
  }

  /** @param isTop false: of a savepoint, which no snapshot lists */
  give (isTop: boolean): number {
    const xid = this.#next++
    if (isTop) this.#open.add(xid)
    return xid
  }

  /** Keeps one open that was prepared before a crash. */
  reopen (xid: number): void {
    this.#open.add(xid)
  }

  end (xid: number | undefined): void {
    if (xid === undefined) return
    this.#open.delete(xid)
    this.#lastEnded = Math.max(this.#lastEnded, xid)
  }

  takeSnapshot (): ModelSnapshot {
    const xmax = this.#lastEnded + 1
    const xip = [...this.#open].filter((xid) => xid < xmax).sort((a, b) => a - b)
    return { xmin: Math.min(xmax, ...xip), xmax, xip }
  }
}
