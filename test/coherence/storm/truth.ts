/** A row of which the storm knows what it may hold, e.g. `products/7`. */
export type Row = `${Table}/${number}`
export type Table = 'products' | 'stock'

export const rowOf = (table: Table, id: number): Row => `${table}/${id}`

/** What a write does: it puts its number into rows, or removes them. Times are those of the truth's own clock. */
export interface Write {
  readonly n: number
  readonly what: string
  /** The rows that it may touch; a name means all rows of a table. Those that it creates are added when they are known. */
  readonly rows: Set<Row> | Table
  /** It removes its rows. */
  readonly removes: boolean
  /** Rows that were there for certain when it began: an update of many does not say which it found. */
  readonly sure: readonly Row[]
  /** It may be seen from then on. */
  readonly began: number
  /** From then on it is over: seen by all, undone, or the process that did it has ended. */
  over: number
  /** Of those in doubt it is not known whether they were committed. What is undone was never to be seen, from its begin on. */
  fate: 'under way' | 'committed' | 'undone' | 'in doubt'
}

/** What was committed at a moment: of each row the last write that is known to be. */
export interface Look {
  readonly time: number
  readonly due: ReadonlyMap<Row, Write>
}

/** What an answer says: numbers by row, and of which other rows it says that they are not there. */
export interface Answer {
  readonly seen: ReadonlyMap<Row, number>
  readonly covers: (row: Row) => boolean
}

const NOTHING: Write = { n: 0, what: 'nothing yet', rows: 'products', removes: true, sure: [], began: -1, over: 0, fate: 'committed' }

/**
 * What the database may say, as far as can be told from outside: which writes began, and which are over. An answer is
 * stale where it shows a write that was over before another one began, of the same row, that was committed when the
 * request began. Writes that overlap may stand in either order.
 */
export class Truth {
  readonly #writes = new Map<number, Write>()
  readonly #due = new Map<Row, Write>()
  readonly #removals = new Map<Row, Write[]>()
  readonly #creating = new Set<Write>()
  #time = 0

  /** Where nothing is named, it creates rows that are not known yet. */
  begin (what: string, rows: readonly Row[] | Table, { removes = false, doomed = false } = {}): Write {
    const named = typeof rows === 'string' ? this.known(rows) : rows
    const write: Write = {
      n: this.#writes.size + 1,
      what,
      rows: typeof rows === 'string' ? rows : new Set(rows),
      removes,
      sure: named.filter((row) => this.#due.has(row) && !this.#mayBeGone(row, this.#due.get(row)!)),
      began: ++this.#time,
      over: Infinity,
      fate: doomed ? 'undone' : 'under way'
    }
    this.#writes.set(write.n, write)
    if (rows.length === 0) this.#creating.add(write)
    if (removes) for (const row of rows as readonly Row[]) this.#removals.get(row)?.push(write)
    return write
  }

  /** @param touched the rows that it touched for certain */
  commit (write: Write, touched: readonly Row[] = write.sure): void {
    this.#end(write, 'committed')
    for (const row of touched) {
      if (!this.#removals.has(row)) this.#removals.set(row, write.removes ? [NOTHING, write] : [NOTHING])
      if (write.rows instanceof Set) write.rows.add(row)
      if (write.began > (this.#due.get(row) ?? NOTHING).began) this.#due.set(row, write)
    }
  }

  /** It did nothing, or was rolled back. */
  undo (write: Write): void {
    this.#end(write, 'undone')
  }

  /** Nobody knows what became of it, but it is over. */
  doubt (write: Write): void {
    this.#end(write, 'in doubt')
  }

  #end (write: Write, fate: Write['fate']): void {
    write.over = ++this.#time
    write.fate = fate
    this.#creating.delete(write)
  }

  /** All rows of a table that are there or were. */
  known (table: Table): Row[] {
    return [...this.#due.keys()].filter((row) => row.startsWith(table))
  }

  look (): Look {
    return { time: ++this.#time, due: new Map(this.#due) }
  }

  /** What is wrong with an answer to a request that began with a look; undefined where nothing is. */
  wrong ({ time, due }: Look, { seen, covers }: Answer): string | undefined {
    for (const [row, n] of seen) {
      const wrong = this.#wrongNumber(row, n, due.get(row) ?? NOTHING)
      if (wrong !== undefined) return `${row} says ${n}, ${wrong}; the read began at ${time}`
    }
    for (const [row, write] of due) {
      if (!covers(row) || seen.has(row) || this.#mayBeGone(row, write)) continue
      return `${row} is missing, but there was ${told(write)}; the read began at ${time}`
    }
    return undefined
  }

  #wrongNumber (row: Row, n: number, due: Write): string | undefined {
    const write = this.#writes.get(n)
    if (write === undefined) return 'which nobody wrote'
    if (write.fate === 'undone') return `which was never committed: ${told(write)}`
    // Rows of which nobody has told yet, and which others may have changed meanwhile.
    const mayBeNew = this.#creating.size > 0
    const isIts = typeof write.rows === 'string' ? row.startsWith(write.rows) : write.rows.has(row) || this.#creating.has(write)
    if (!isIts || !(this.#due.has(row) || mayBeNew)) return `which was not written there: ${told(write)}`
    return write.over <= due.began ? `which is stale: ${told(write)}; due was ${told(due)}` : undefined
  }

  /** Whether a removal of the row may be the last that was done to it, though a write is known to be committed. */
  #mayBeGone (row: Row, due: Write): boolean {
    return this.#removals.get(row)!.some(({ fate, over }) => fate !== 'undone' && over > due.began)
  }
}

export function told ({ n, what, began, over, fate }: Write): string {
  return `${n}, ${what} (${fate}, from ${began} to ${over})`
}
