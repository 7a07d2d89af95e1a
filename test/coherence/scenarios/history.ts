import Sqlite from 'better-sqlite3'

/** A part of a value: one row, the whole table, or the upstream. */
export type Part =
  | { of: 'row', id: number, title: string | null }
  | { of: 'list', rows: ReadonlyArray<readonly [id: number, title: string]> }
  | { of: 'upstream', state: number }

/** A value that no caller may get. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

type Snapshot = ReadonlyMap<number, string>

/** The state when a read began. */
export interface ReadStart {
  readonly snapshot: number
  readonly upstream: number
}

/**
 * Every committed state of the database, read on a connection of its own, to check values against. A title is never
 * written twice, so it identifies the write that it comes from.
 */
export class History {
  /** The state of a source other than the database. It only grows. */
  upstream = 0
  /** The latest state whose tag has been invalidated. */
  acknowledged = 0
  readonly #connection: Sqlite.Database
  readonly #dataVersion: Sqlite.Statement
  readonly #rows: Sqlite.Statement<[], [number, string]>
  readonly #snapshots: Snapshot[] = []
  #seen: unknown

  constructor (path: string) {
    this.#connection = new Sqlite(path, { readonly: true })
    this.#dataVersion = this.#connection.prepare('PRAGMA data_version').pluck()
    this.#rows = this.#connection.prepare<[], [number, string]>('SELECT id, title FROM products ORDER BY id').raw()
  }

  /**
   * Records the present state, and returns its number.
   *
   * Call it whenever a read begins and whenever a statement has run, so that no state that a value could show is
   * missing.
   */
  observe (): number {
    const version = this.#dataVersion.get()
    if (version !== this.#seen) this.#snapshots.push(new Map(this.#rows.all()))
    this.#seen = version
    return this.#snapshots.length - 1
  }

  begin (): ReadStart {
    return { snapshot: this.observe(), upstream: this.acknowledged }
  }

  /** Throws unless each part was true at some moment since the start of the read. */
  check (parts: readonly Part[], start: ReadStart): void {
    const last = this.observe()
    const states = this.#snapshots.slice(start.snapshot, last + 1)
    for (const part of parts) {
      if (part.of === 'upstream' ? part.state >= start.upstream : states.some((state) => isTrue(part, state))) continue
      const truth = part.of === 'upstream' ? `at least ${start.upstream}` : states.map(format).join(' or ')
      throw new Violation(`the value has ${JSON.stringify(part)}, but true was ${truth}`)
    }
  }

  /** Throws unless each part is true of the rows that the transaction itself sees. */
  checkWithin (parts: readonly Part[], rows: ReadonlyArray<readonly [number, string]>, start: ReadStart): void {
    const state = new Map(rows)
    for (const part of parts) {
      if (part.of === 'upstream' ? part.state >= start.upstream : isTrue(part, state)) continue
      const text = JSON.stringify(part)
      throw new Violation(`the value in a transaction has ${text}, but the transaction sees ${format(state)}`)
    }
  }

  close (): void {
    this.#connection.close()
  }
}

function isTrue (part: Exclude<Part, { of: 'upstream' }>, state: Snapshot): boolean {
  if (part.of === 'row') return (state.get(part.id) ?? null) === part.title
  return part.rows.length === state.size && part.rows.every(([id, title]) => state.get(id) === title)
}

function format (state: Snapshot): string {
  return JSON.stringify([...state])
}
