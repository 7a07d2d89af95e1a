import { readSync } from 'node:fs'
import { closeIndex, openDatabaseFile, openIndex } from './unclosed-files.ts'

/** The state of a write-ahead log after its last commit. */
export interface LogState {
  /** Identifies the log since it was begun anew. */
  readonly salt: bigint
  /** The number of frames that are committed. */
  readonly frames: number
  /** The number of commits since the index was created, modulo 2^32. It goes on when the log is begun anew. */
  readonly commits: number
}

/** The format of the file: https://sqlite.org/walformat.html. Its start is a header, twice. */
const HEADER_BYTES = 48
const VERSION = 3_007_000
const SALT = 32
/** How many frames are in the database, and how many will be at the end of a checkpoint. */
const BACKFILLED = 96
const BACKFILL_ATTEMPTED = 128

/**
 * Reads the index that SQLite keeps of a write-ahead log, the file whose name ends in `-shm`. All connections share it,
 * so it shows each commit, also of frames that are no longer in the log.
 */
export class WalIndex {
  readonly #path: string
  #file: number | undefined
  #database: number | undefined
  readonly #bytes = Buffer.from(new ArrayBuffer(BACKFILL_ATTEMPTED + 4))
  readonly #words = new Uint32Array(this.#bytes.buffer) // in the byte order of the machine, but for salts

  /** @param path of a database that is open in this process */
  constructor (path: string) {
    this.#path = path
    this.#file = openIndex(path)
  }

  /** Returns the state of the log; undefined while a commit is being written, or if the format is another one. */
  read (): LogState | undefined {
    const bytes = this.#bytes
    const words = this.#words
    readSync(this.#file!, bytes, 0, bytes.length, 0)
    if (bytes.compare(bytes, HEADER_BYTES, 2 * HEADER_BYTES, 0, HEADER_BYTES) !== 0) return undefined
    if (words[0] !== VERSION) return undefined
    return { salt: bytes.readBigUInt64BE(SALT), frames: words[4]!, commits: words[2]! }
  }

  /** Identifies the last checkpoint, which alone writes to the database file; undefined while one is running. */
  readCheckpoint (): string | undefined {
    const log = this.read()
    const backfilled = this.#words[BACKFILLED / 4]
    const isRunning = backfilled !== this.#words[BACKFILL_ATTEMPTED / 4]
    return log === undefined || isRunning ? undefined : `${log.salt}.${backfilled}`
  }

  /** Reads from the database file, without the write-ahead log. */
  readDatabase (bytes: Buffer, position: number): void {
    this.#database ??= openDatabaseFile(this.#path)
    readSync(this.#database, bytes, 0, bytes.length, position)
  }

  /** Call it after the connections to the database are closed. */
  close (): void {
    if (this.#file !== undefined) closeIndex(this.#file)
    this.#file = undefined
  }
}
