import { accessSync, constants, statSync } from 'node:fs'
import type Sqlite from 'better-sqlite3'
import { tryLock } from '../../clock/sqlite/locking.ts'
import type { DatabaseState, StateListener } from '../database.ts'

/** Milliseconds between two checks, so that a lost file is noticed when there are only cache hits. */
export const CHECK_MS = 1_000

/** The ends of the names of the files of a database: the file itself, the write-ahead log and its index. */
const FILES = ['', '-wal', '-shm']

const OVERWRITTEN = 'Stop the service, put the file there again, delete the files beside it that end in -wal and ' +
  '-shm, and start the service.'

export interface FileStateOptions {
  path: string
  /** The connection that checks whether the file is writable. */
  upkeep: Sqlite.Database
  /** Whether the file was overwritten in place. */
  isOverwritten: () => boolean
  onChange?: StateListener | undefined
}

/** Watches the files of a database that is open. */
export class FileState {
  readonly #options: FileStateOptions
  readonly #opened: ReadonlyArray<string | undefined>
  readonly #timer: NodeJS.Timeout
  #isOverwritten = false
  #state: DatabaseState = 'ok'

  constructor (options: FileStateOptions) {
    this.#options = options
    this.#opened = FILES.map((end) => identify(options.path + end))
    this.check()
    this.#timer = setInterval(() => this.#checkContent(), CHECK_MS).unref()
  }

  /** The state at the last check. */
  get last (): DatabaseState {
    return this.#state
  }

  /** Checks whether the database file is lost. It costs one call of the file system. */
  isLost (): boolean {
    if (this.#state !== 'lost' && identify(this.#options.path) === this.#opened[0]) return false
    return this.isAnyLost()
  }

  /** Checks whether one of the files is lost. */
  isAnyLost (): boolean {
    const { path } = this.#options
    const lost = FILES.findIndex((end, i) => identify(path + end) !== this.#opened[i])
    if (lost !== -1) {
      this.#change('lost', `${path}${FILES[lost]} (DATABASE_URL) was deleted or replaced, so nothing is served from ` +
        'it. Restart the service.')
    } else if (this.#isOverwritten) {
      this.#change('lost', `${path} (DATABASE_URL) was overwritten, so nothing is served from it. ${OVERWRITTEN}`)
    } else if (this.#state === 'lost') {
      this.#checkWritable()
    }
    return this.#state === 'lost'
  }

  /** Checks everything. */
  check (): DatabaseState {
    if (!this.#checkContent()) this.#checkWritable()
    return this.#state
  }

  stop (): void {
    clearInterval(this.#timer)
  }

  #checkContent (): boolean {
    this.#isOverwritten = this.#options.isOverwritten()
    return this.isAnyLost()
  }

  #checkWritable (): void {
    const { path } = this.#options
    if (this.#isWritable()) {
      this.#change('ok', `${path} (DATABASE_URL) can be read and written again.`)
    } else {
      this.#change('read-only', `${path} (DATABASE_URL) is read-only, so only reads are served. Make the file and ` +
        'its folder writable, and restart the service.')
    }
  }

  #change (state: DatabaseState, message: string): void {
    if (state === this.#state) return
    this.#state = state
    this.#options.onChange?.(state, `The database file ${message}`)
  }

  /** Attempts to write. A file that another transaction has locked is writable. */
  #isWritable (): boolean {
    let isWritable = true
    try {
      accessSync(this.#options.path, constants.W_OK)
      tryLock(() => this.#options.upkeep.exec('BEGIN IMMEDIATE; DELETE FROM larder_eras WHERE id < 0'))
    } catch {
      isWritable = false
    }
    if (this.#options.upkeep.inTransaction) this.#options.upkeep.exec('ROLLBACK')
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
