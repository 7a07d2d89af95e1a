import type { Stamp } from '../../cache/index.ts'
import type { Connection } from './connection.ts'
import type { Looks } from './looks.ts'
import { createStatement, encodeQuery, type Statement } from './messages.ts'
import type { Slot } from './recent-changes.ts'

/** The number of entries that one query checks. */
const MAX_BATCH = 256

interface Question {
  readonly stamp: Stamp
  readonly tags: readonly Slot[]
  readonly resolve: (look: number | undefined) => void
  readonly reject: (error: Error) => void
}

/** @param prepare whether the server may keep a prepared statement */
export function createStaleStatement (prepare: boolean): Statement {
  return createStatement(
    'stale', 'SELECT nonce, stale FROM larder.stale($1::pg_snapshot[], $2::int4[], $3::oid[], $4::int4[])', prepare)
}

const STAMP = /^[^/]+\/\d+:\d+:[\d,]*$/

/** Checks entries that another process has stamped, or this one long ago. One query serves a turn of the event loop. */
export class StaleEntries {
  readonly #connection: Connection
  readonly #looks: Looks
  readonly #statement: Statement
  #next: Question[] | undefined

  constructor (connection: Connection, looks: Looks, statement: Statement) {
    this.#connection = connection
    this.#looks = looks
    this.#statement = statement
  }

  /** Returns the number of a look until which no tag has changed; undefined if one has, or that cannot be known. */
  async findLook (stamp: Stamp, tags: readonly Slot[]): Promise<number | undefined> {
    if (!STAMP.test(stamp) || stamp.slice(0, stamp.indexOf('/')) !== this.#looks.nonce) return undefined
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
    if (this.#next === undefined) {
      const batch: Question[] = this.#next = []
      process.nextTick(() => {
        this.#next = undefined
        for (let start = 0; start < batch.length; start += MAX_BATCH) this.#send(batch.slice(start, start + MAX_BATCH))
      })
    }
    this.#next.push({ stamp, tags, resolve, reject })
    return await promise
  }

  #send (batch: readonly Question[]): void {
    const asked = batch.flatMap(({ tags }, i) => tags.map(({ rel, slot = null }) => ({ entry: i + 1, rel, slot })))
    const query = encodeQuery(this.#statement, [
      writeArray(batch.map(({ stamp }) => `"${stamp.slice(stamp.indexOf('/') + 1)}"`)),
      writeArray(asked.map(({ entry }) => entry)),
      writeArray(asked.map(({ rel }) => rel)),
      writeArray(asked.map(({ slot }) => slot ?? 'NULL'))
    ])
    this.#connection.query(query, (error, [row]) => {
      if (error !== undefined) return batch.forEach(({ reject }) => reject(error))
      const [nonce, stale] = row!
      // Queries of a connection run in order, so all looks that have returned were before this query.
      const look = this.#looks.number
      const isComparable = nonce === this.#looks.nonce
      const changed = new Set(stale?.match(/\d+/g)?.map(Number))
      batch.forEach(({ resolve }, i) => resolve(isComparable && !changed.has(i + 1) ? look : undefined))
    })
  }
}

/** Writes an array as PostgreSQL reads it. */
function writeArray (values: ReadonlyArray<string | number>): string {
  return `{${values.join()}}`
}
