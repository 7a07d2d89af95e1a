/** A row whose possible values the storm knows, for example `products/7`. */
export type Row = `${Table}/${number}`
export type Table = 'products' | 'stock'

export const toRow = (table: Table, id: number): Row => `${table}/${id}`

/** A write, which stores its number in rows or removes them. Times are those of a logical clock. */
export interface Write {
  readonly n: number
  readonly description: string
  /** The rows that it may change; a name means all rows of a table. Rows that it creates are added when known. */
  readonly rows: Set<Row> | Table
  /** It removes its rows. */
  readonly removes: boolean
  /** Rows that certainly existed when it began: an update of many does not report which rows it found. */
  readonly sure: readonly Row[]
  /** Reads may see it from this time on. */
  readonly began: number
  /** From this time on all reads see it, or it is undone, or its process has ended. */
  over: number
  /** `unknown`: it may have been committed. `undone`: no read may ever see it. */
  fate: 'in flight' | 'committed' | 'undone' | 'unknown'
}

/** The state at a moment: of each row, the last write that is known to be committed. */
export interface Snapshot {
  readonly time: number
  readonly due: ReadonlyMap<Row, Write>
}

/** The content of a response: numbers by row, and whether it shows that another row does not exist. */
export interface Observation {
  readonly seen: ReadonlyMap<Row, number>
  readonly covers: (row: Row) => boolean
}

const NOTHING: Write = {
  n: 0, description: 'nothing yet', rows: 'products', removes: true, sure: [], began: -1, over: 0, fate: 'committed'
}

/**
 * All writes, with their start and end, to decide whether a response is stale.
 *
 * It is stale if it shows a write that had ended before the start of another write of the same row, which was committed
 * when the request began. Writes that overlap may take effect in either order.
 */
export class Truth {
  readonly #writes = new Map<number, Write>()
  readonly #due = new Map<Row, Write>()
  readonly #removals = new Map<Row, Write[]>()
  readonly #creating = new Set<Write>()
  #time = 0

  /** Starts a write. Without rows, it creates rows that are not known yet. */
  begin (description: string, rows: readonly Row[] | Table, { removes = false, doomed = false } = {}): Write {
    const named = typeof rows === 'string' ? this.known(rows) : rows
    const write: Write = {
      n: this.#writes.size + 1,
      description,
      rows: typeof rows === 'string' ? rows : new Set(rows),
      removes,
      sure: named.filter((row) => this.#due.has(row) && !this.#mayBeGone(row, this.#due.get(row)!)),
      began: ++this.#time,
      over: Infinity,
      fate: doomed ? 'undone' : 'in flight'
    }
    this.#writes.set(write.n, write)
    if (rows.length === 0) this.#creating.add(write)
    if (removes) for (const row of rows as readonly Row[]) this.#removals.get(row)?.push(write)
    return write
  }

  /** Ends a write as committed. @param touched the rows that it certainly changed */
  commit (write: Write, touched: readonly Row[] = write.sure): void {
    this.#end(write, 'committed')
    for (const row of touched) {
      if (!this.#removals.has(row)) this.#removals.set(row, write.removes ? [NOTHING, write] : [NOTHING])
      if (write.rows instanceof Set) write.rows.add(row)
      if (write.began > (this.#due.get(row) ?? NOTHING).began) this.#due.set(row, write)
    }
  }

  /** Ends a write that changed nothing or was rolled back. */
  undo (write: Write): void {
    this.#end(write, 'undone')
  }

  /** Ends a write of which it is not known whether it was committed. */
  setUnknown (write: Write): void {
    this.#end(write, 'unknown')
  }

  #end (write: Write, fate: Write['fate']): void {
    write.over = ++this.#time
    write.fate = fate
    this.#creating.delete(write)
  }

  /** Returns all rows of a table that exist or have existed. */
  known (table: Table): Row[] {
    return [...this.#due.keys()].filter((row) => row.startsWith(table))
  }

  /** Returns the state of this moment. */
  snapshot (): Snapshot {
    return { time: ++this.#time, due: new Map(this.#due) }
  }

  /** Describes the error of a response to a request that began at a snapshot. Undefined if it is right. */
  findError ({ time, due }: Snapshot, { seen, covers }: Observation): string | undefined {
    for (const [row, n] of seen) {
      const error = this.#explainError(row, n, due.get(row) ?? NOTHING)
      if (error !== undefined) return `${row} says ${n}, ${error}; the read began at ${time}`
    }
    for (const [row, write] of due) {
      if (!covers(row) || seen.has(row) || this.#mayBeGone(row, write)) continue
      return `${row} is missing, but there was ${format(write)}; the read began at ${time}`
    }
    return undefined
  }

  #explainError (row: Row, n: number, due: Write): string | undefined {
    const write = this.#writes.get(n)
    if (write === undefined) return 'which was never written'
    if (write.fate === 'undone') return `which was never committed: ${format(write)}`
    // Rows that are not known yet, and that other writes may have changed meanwhile.
    const mayBeNew = this.#creating.size > 0
    const isIts = typeof write.rows === 'string'
      ? row.startsWith(write.rows)
      : write.rows.has(row) || this.#creating.has(write)
    if (!isIts || !(this.#due.has(row) || mayBeNew)) return `which was not written there: ${format(write)}`
    return write.over <= due.began ? `which is stale: ${format(write)}; due was ${format(due)}` : undefined
  }

  /** Whether a removal may be the last write of the row although a later one is known to be committed. */
  #mayBeGone (row: Row, due: Write): boolean {
    return this.#removals.get(row)!.some(({ fate, over }) => fate !== 'undone' && over > due.began)
  }
}

export function format ({ n, description, began, over, fate }: Write): string {
  return `${n}, ${description} (${fate}, from ${began} to ${over})`
}
