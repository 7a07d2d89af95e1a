import Sqlite from 'better-sqlite3'

/** A part of an answer: what it says of one row, of the whole table, or of the upstream. */
export type Part =
  | { of: 'row', id: number, title: string | null }
  | { of: 'list', rows: ReadonlyArray<readonly [id: number, title: string]> }
  | { of: 'upstream', state: number }

/** An answer that nobody may get. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

type Snapshot = ReadonlyMap<number, string>

/** What was true when a read began. */
export interface Beginning {
  readonly snapshot: number
  readonly upstream: number
}

/**
 * The judge: what was ever committed, as the database itself says it on a connection of the judge's own. A title is
 * never written twice, so it tells the write that it came from.
 */
export class History {
  /** The state of something beside the database, which only grows. */
  upstream = 0
  /** The latest state that somebody invalidated the tag for. */
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
   * To be called whenever a read begins, and whenever a load has queried the database: no state that an answer could
   * show is missed. Returns the number of the state.
   */
  observe (): number {
    const version = this.#dataVersion.get()
    if (version !== this.#seen) this.#snapshots.push(new Map(this.#rows.all()))
    this.#seen = version
    return this.#snapshots.length - 1
  }

  begin (): Beginning {
    return { snapshot: this.observe(), upstream: this.acknowledged }
  }

  /** Each part must have been true at some moment between the beginning of the read and now. */
  judge (parts: readonly Part[], beginning: Beginning): void {
    const now = this.observe()
    const states = this.#snapshots.slice(beginning.snapshot, now + 1)
    for (const part of parts) {
      if (part.of === 'upstream' ? part.state >= beginning.upstream : states.some((state) => isTrue(part, state))) continue
      const truth = part.of === 'upstream' ? `at least ${beginning.upstream}` : states.map(show).join(' or ')
      throw new Violation(`the answer says ${JSON.stringify(part)}, true was ${truth}`)
    }
  }

  /** In a transaction, each part must be true of what the transaction itself sees. */
  judgeWithin (parts: readonly Part[], rows: ReadonlyArray<readonly [number, string]>, beginning: Beginning): void {
    const state = new Map(rows)
    for (const part of parts) {
      if (part.of === 'upstream' ? part.state >= beginning.upstream : isTrue(part, state)) continue
      throw new Violation(`the answer in a transaction says ${JSON.stringify(part)}, which itself sees ${show(state)}`)
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

function show (state: Snapshot): string {
  return JSON.stringify([...state])
}
