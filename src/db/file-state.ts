import { accessSync, constants, statSync } from 'node:fs'
import type Sqlite from 'better-sqlite3'
import { tryLock } from './locking.ts'

/**
 * - `ok`: it can be read and written.
 * - `read-only`: it can be read.
 * - `lost`: there is no file at the path, or another one. What is written would be lost.
 */
export type DatabaseState = 'ok' | 'read-only' | 'lost'

/** Called when the state changes, with a sentence for the log. */
export type StateListener = (state: DatabaseState, message: string) => void

/** Milliseconds between two checks, so that a lost file is noticed when there are only cache hits. */
export const CHECK_MS = 1_000

const MESSAGES: Record<DatabaseState, (path: string) => string> = {
  ok: (path) => `The database file ${path} (DATABASE_URL) can be read and written again.`,
  'read-only': (path) => `The database file ${path} (DATABASE_URL) is read-only, so only reads are served. ` +
    'Make the file and its folder writable, and restart the service.',
  lost: (path) => `The database file ${path} (DATABASE_URL) was deleted or replaced, so nothing is served from it. ` +
    'Restart the service.'
}

/** Watches the file that a connection has opened. Call it right after opening. */
export class FileState {
  readonly #path: string
  readonly #writer: Sqlite.Database
  readonly #onChange: StateListener
  readonly #opened: string | undefined
  readonly #timer: NodeJS.Timeout
  #state: DatabaseState = 'ok'

  constructor (path: string, writer: Sqlite.Database, onChange: StateListener = () => {}) {
    this.#path = path
    this.#writer = writer
    this.#onChange = onChange
    this.#opened = identify(path)
    this.check()
    this.#timer = setInterval(() => this.isLost(), CHECK_MS).unref()
  }

  /** The state at the last check. */
  get last (): DatabaseState {
    return this.#state
  }

  /** Checks whether the file is lost. It costs one call of the file system. */
  isLost (): boolean {
    if (identify(this.#path) !== this.#opened) this.#change('lost')
    else if (this.#state === 'lost') this.check()
    return this.#state === 'lost'
  }

  /** Checks everything. */
  check (): DatabaseState {
    if (identify(this.#path) !== this.#opened) this.#change('lost')
    else this.#change(this.#isWritable() ? 'ok' : 'read-only')
    return this.#state
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  #change (state: DatabaseState): void {
    if (state === this.#state) return
    this.#state = state
    this.#onChange(state, MESSAGES[state](this.#path))
  }

  /** Attempts to write. A file that another transaction has locked is writable. */
  #isWritable (): boolean {
    if (this.#writer.inTransaction) return this.#state !== 'read-only'
    let isWritable = true
    try {
      accessSync(this.#path, constants.W_OK)
      tryLock(() => this.#writer.exec('BEGIN IMMEDIATE; DELETE FROM larder_eras WHERE id < 0'))
    } catch {
      isWritable = false
    }
    if (this.#writer.inTransaction) this.#writer.exec('ROLLBACK')
    return isWritable
  }
}

/** Identifies a file; undefined if there is none at the path, or it cannot be reached. */
function identify (path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path)
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}
