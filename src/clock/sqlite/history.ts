import { randomInt } from 'node:crypto'
import type Sqlite from 'better-sqlite3'
import { isReadOnlyError } from './error-codes.ts'

/** The number of ended eras that are kept. Stamps of older ones are invalid. */
const MAX_ERAS = 1_000
const MAX_NONCE = 2 ** 48 - 1

/**
 * The history of a database file, as one process takes part in it.
 *
 * A file can go back in time: a backup is restored, or a power cut loses the last commits. After that, the counters
 * take the same values again for other data. So the history is divided into eras, each with a random nonce, and an era
 * ends with the counters that it reached. A stamp that is ahead of the end of its era, or whose era is not known, is of
 * a history that was undone.
 *
 * A process begins an era when it opens the file, when it notices that changes were undone, and, with all others
 * forgotten, when it notices a change that was not counted.
 */
export class History {
  readonly #writer: Sqlite.Database
  readonly #mayWrite: () => boolean
  #nonce: number | undefined
  #isReadOnly = false
  /** Whether the eras before the one that is to be stored are forgotten, and all stamps with them. */
  #forgets = false

  /** @param mayWrite whether a commit would disturb nobody now; default always */
  constructor (writer: Sqlite.Database, mayWrite = () => true) {
    this.#writer = writer
    this.#mayWrite = mayWrite
    this.beginEra()
  }

  /**
   * The nonce of an era that is still to be stored, because the file is locked or read-only. Until then only this
   * process knows it, so this process trusts no stamps but its own.
   */
  get unstoredEra (): number | undefined {
    return this.#nonce
  }

  /** Whether `storeEra` may succeed. */
  get isWaiting (): boolean {
    return this.#nonce !== undefined && !this.#isReadOnly
  }

  /** @param forget whether all stamps become invalid */
  beginEra (forget = false): void {
    this.#forgets ||= forget
    this.#nonce = randomInt(1, MAX_NONCE)
    this.storeEra()
  }

  /** Stores the era that has begun, unless another transaction has locked the file. */
  storeEra (): void {
    if (!this.#mayWrite()) return
    try {
      this.#writer.transaction(() => {
        this.#writer.exec(`INSERT INTO larder_eras (nonce, counters)
          SELECT ticks, (SELECT json_group_array(ticks) FROM (SELECT ticks FROM larder_clock ORDER BY id))
          FROM larder_clock WHERE name = ':era' ON CONFLICT (nonce) DO UPDATE SET counters = excluded.counters`)
        if (this.#forgets) this.#writer.exec('UPDATE larder_rows SET rows = NULL')
        const last = this.#forgets ? 'max(id)' : `max(id) - ${MAX_ERAS}`
        this.#writer.exec(`DELETE FROM larder_eras WHERE id <= (SELECT ${last} FROM larder_eras)`)
        this.#writer.exec(`UPDATE larder_clock SET ticks = ${this.#nonce} WHERE name = ':era'`)
      }).immediate()
      this.#nonce = undefined
      this.#forgets = false
    } catch (error) {
      this.#isReadOnly = isReadOnlyError(error)
    }
  }
}
