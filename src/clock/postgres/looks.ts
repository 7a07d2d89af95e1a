import type { Stamp } from '../../cache/index.ts'
import { type Connection, UnavailableError } from './connection.ts'
import { createStatement, encodeQuery, type Statement } from './messages.ts'
import type { RecentChanges } from './recent-changes.ts'
import { Snapshot } from './snapshot.ts'

/** A state of the database that this process has seen. */
export interface Look {
  /** Looks are numbered. */
  readonly number: number
  readonly stamp: Stamp
}

type LookRow = [nonce: string, now: string, floor: string, moved: string | null]

/**
 * Mostly nothing has changed. Then this takes a third of the time of a call of `larder.changes_since`, whose plans are
 * pinned. It is one statement, so both read one snapshot.
 */
const LOOK = `SELECT c.nonce, pg_current_snapshot()::text, c.floor::text, CASE
  WHEN pg_current_snapshot()::text = $1::text THEN NULL
  ELSE larder.changes_since($1::text::pg_snapshot, c.floor) END
  FROM larder.clock c WHERE c.id = 1`

/** @param prepare whether the server may keep a prepared statement */
export function createLookStatement (prepare: boolean): Statement {
  return createStatement('look', LOOK, prepare)
}

/** The relation and slot of changes of the schema. */
const SCHEMA = { rel: '0', slot: '-1' }
/** The number of looks whose stamps are recognized without a query. */
const MAX_STAMPS = 1_000

export interface LooksOptions {
  readonly connection: Connection
  readonly changes: RecentChanges
  /** Reads the schema again. Looks that see a change of it wait for this. */
  readonly readSchema: () => Promise<void>
  readonly statement: Statement
  /** Milliseconds since any time, by a clock that is never set. */
  readonly now?: () => number
}

/**
 * Looks at the database: each reads what has been committed since the last one.
 *
 * All callers of one turn of the event loop share a look, which is sent after the last of them has called: it sees what
 * had been committed before any of them did.
 */
export class Looks {
  readonly #options: LooksOptions
  readonly #now: () => number
  readonly #numbers = new Map<Stamp, number>()
  #next: { readonly look: Promise<Look>, readonly send: () => void } | undefined
  #number = 0
  #nonce: string | undefined
  #snapshot: Snapshot | undefined
  /** The query for what has changed since the snapshot. */
  #query: Buffer | undefined
  #last: Look | undefined
  /** What the last look that has returned has seen, for lookups that need no look of their own. */
  #seen: { readonly sentAt: number, readonly expirations: number } | undefined
  #expirations = 0
  /** Changes by this process that have begun and not ended. */
  #ownChanges = 0
  #reading: Promise<void> | undefined

  constructor (options: LooksOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** The last look that has ended; undefined if there is none, or if it cannot be known whether the schema changed. */
  get last (): Look | undefined {
    return this.#options.connection.isReady ? this.#last : undefined
  }

  /** The number of the look with a stamp; undefined if another process took it, or long ago. */
  findNumber (stamp: Stamp): number | undefined {
    return this.#numbers.get(stamp)
  }

  /** The number of the last look that has returned. */
  get number (): number {
    return this.#number
  }

  /** The history of the database that the last look has seen. */
  get nonce (): string | undefined {
    return this.#nonce
  }

  /**
   * Milliseconds since the last look that has returned was sent. Undefined if there is none, or if this process has
   * changed something that it may not have seen.
   */
  get staleness (): number | undefined {
    const isCurrent = this.#ownChanges === 0 && this.#reading === undefined
    if (!isCurrent || this.#seen?.expirations !== this.#expirations) return undefined
    return this.#now() - this.#seen.sentAt
  }

  /** Notes that this process begins to change something. Call `endChange` when it has ended, also if it failed. */
  beginChange (): void {
    this.#ownChanges++
  }

  endChange (): void {
    this.#ownChanges--
    this.expire()
  }

  /** From now on, the looks that have been sent do not suffice for lookups that need no look of their own. */
  expire (): void {
    this.#expirations++
  }

  /** Encodes the query anew, since the name of the statement has changed. */
  encode (): void {
    this.#query = encodeQuery(this.#options.statement, [this.#snapshot!.text])
  }

  /** Looks once this turn of the event loop has called all callbacks. Rejects if that takes too long. */
  look (): Promise<Look> {
    if (this.#next !== undefined) return this.#next.look
    const { promise, resolve, reject } = Promise.withResolvers<Look>()
    const send = () => {
      if (this.#next?.send !== send) return // a batch has sent it
      this.#next = undefined // a later caller may know of changes that this look does not see
      this.#send(resolve, reject)
    }
    this.#next = { look: promise, send }
    setImmediate(send)
    return promise
  }

  /** Runs `work` for callers that have all been collected, and then looks at once. */
  batch<T> (work: () => T): T {
    try {
      return work()
    } finally {
      this.#next?.send()
    }
  }

  #send (resolve: (look: Look | Promise<Look>) => void, reject: (error: Error) => void): void {
    const { connection } = this.#options
    const previous = this.#snapshot!
    const history = this.#nonce
    const sent = { sentAt: this.#now(), expirations: this.#expirations }
    connection.query(this.#query!, (error, [row]) => {
      if (error !== undefined) return reject(error)
      if (row === undefined) {
        connection.reconnect() // it begins a new history
        return reject(new UnavailableError('The database has lost its clock.'))
      }
      const [nonce, now, floor, moved] = row as unknown as LookRow
      this.#see(nonce, now, floor, moved, previous, history)
      this.#seen = sent
      const look = { number: this.#number, stamp: `${nonce}/${now}` }
      if (this.#reading === undefined) resolve(this.#publish(look))
      else resolve(this.#reading.then(() => this.#publish(look)))
    })
  }

  #publish (look: Look): Look {
    this.#numbers.set(look.stamp, look.number)
    if (this.#numbers.size > MAX_STAMPS) {
      const [oldest] = this.#numbers.keys()
      this.#numbers.delete(oldest!)
    }
    this.#last = look
    return look
  }

  /** Begins anew on a database whose history this process has not seen. */
  beginHistory (nonce: string, snapshot: string): void {
    this.#nonce = nonce
    this.#continueFrom(new Snapshot(snapshot))
    this.#options.changes.forget(++this.#number)
  }

  #continueFrom (snapshot: Snapshot): void {
    this.#snapshot = snapshot
    this.encode()
  }

  #see (nonce: string, now: string, floor: string, moved: string | null, previous: Snapshot, history?: string): void {
    const { changes } = this.#options
    const last = this.#snapshot!
    if (nonce !== history || nonce !== this.#nonce) {
      // A pooler has chosen another server. A look that was sent before that lists nothing that can be compared.
      this.beginHistory(nonce, now)
      return this.#readSchema()
    }
    if (last.text === now && moved === null) return
    this.#continueFrom(new Snapshot(now))
    this.#number++
    // Changes that the previous look could not see have been folded since.
    if (BigInt(floor) > previous.xmin) changes.forget(this.#number)
    if (moved === null) return
    for (const change of moved.split(' ')) {
      const [xid, rel, slot] = change.split(':') as [string, string, string]
      // A look that was sent before the last one had returned lists its changes too.
      if (last !== previous && xid !== '' && last.includes(BigInt(xid))) continue
      if (rel === SCHEMA.rel && slot === SCHEMA.slot) {
        changes.changeAll(this.#number)
        this.#readSchema()
      } else {
        changes.add(rel, Number(slot), this.#number)
      }
    }
  }

  #readSchema (): void {
    const reading = this.#reading = this.#options.readSchema().then(() => {
      if (this.#reading === reading) this.#reading = undefined
    })
    // Without it nothing can be checked, and the next connection reads it again.
    reading.catch(() => {
      if (this.#reading === reading) this.#reading = undefined
      this.#options.connection.reconnect()
    })
  }
}
