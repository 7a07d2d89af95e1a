import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'

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

/**
 * Reads the index that SQLite keeps of a write-ahead log, the file whose name ends in `-shm`. All connections share it,
 * so it shows each commit, also of frames that are no longer in the log.
 */
export class WalIndex {
  #file: number | undefined
  readonly #bytes = Buffer.from(new ArrayBuffer(2 * HEADER_BYTES))
  readonly #words = new Uint32Array(this.#bytes.buffer) // in the byte order of the machine, but for salts

  /** @param path of a database that is open in this process */
  constructor (path: string) {
    this.#file = openUnclosed(`${path}-shm`)
  }

  /** Returns the state of the log; undefined while a commit is being written, or if the format is another one. */
  read (): LogState | undefined {
    const bytes = this.#bytes
    const words = this.#words
    readSync(this.#file!, bytes, 0, bytes.length, 0)
    if (bytes.compare(bytes, HEADER_BYTES, 2 * HEADER_BYTES, 0, HEADER_BYTES) !== 0) return undefined
    if (words[0] !== VERSION) return undefined
    return { salt: bytes.readBigUInt64BE(32), frames: words[4]!, commits: words[2]! }
  }

  /** Call it after the connections to the database are closed. */
  close (): void {
    if (this.#file !== undefined) unused.add(this.#file)
    this.#file = undefined
    closeUnused()
  }
}

/*
 * When a process closes a file, it loses all POSIX locks that it has on it, also those of the connections of SQLite. So
 * an index is closed only after SQLite has deleted it, as the last connection to the database does.
 */

/** Files that nobody reads, and that a connection of this process may still have locked. */
const unused = new Set<number>()

function openUnclosed (path: string): number {
  const { dev, ino } = statSync(path)
  for (const file of unused) {
    const other = fstatSync(file)
    if (other.dev !== dev || other.ino !== ino) continue
    unused.delete(file)
    return file
  }
  return openSync(path, 'r')
}

function closeUnused (): void {
  for (const file of unused) {
    if (fstatSync(file).nlink > 0) continue
    closeSync(file)
    unused.delete(file)
  }
}
