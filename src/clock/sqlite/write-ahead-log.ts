import { closeSync, openSync, readSync } from 'node:fs'
import type Sqlite from 'better-sqlite3'
import { WalIndex } from './wal-index.ts'

/** The format of the file: https://sqlite.org/fileformat2.html#walformat. */
const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24

/** The number of frames that are read at once, so that the event loop is not blocked. */
export const MAX_FRAMES = 2_000

/** Why all entries became invalid: a commit counted nothing, or was overwritten in the log before it was read. */
export type UncountedReason = 'uncounted' | 'overwritten'

/**
 * Reads the write-ahead log of a database, to find commits that changed something and that no trigger counted.
 *
 * Some writes fire no trigger: incremental blob I/O, writes of connections that have disabled triggers, those whose own
 * temporary triggers skip ours. Each commit is a series of frames, each with the number of a page that it changed. If
 * the page of the counters is not among them, the commit was not counted. The first page has no rows of tables: alone
 * it means that everything was rolled back.
 *
 * When all frames are in the database, SQLite begins the log anew, from the start of the file. The frames that follow
 * are those of the log before, until they are overwritten. The index of the log counts all commits, and so shows
 * whether some can no longer be read.
 */
export class WriteAheadLog {
  #file: number | undefined
  readonly index: WalIndex
  readonly pageBytes: number
  readonly #listPages: Sqlite.Statement<[], number>
  readonly #onUncounted: (reason: UncountedReason) => void
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES)
  #pages: ReadonlySet<number>
  #isBehind = true
  /** Identifies the log that is being read. */
  #salt: bigint | undefined
  /** The number of frames that were read of it. */
  #frames = 0
  /** The number of commits that were read of all logs. */
  #commits = 0
  /** Whether the commit that is being read changed something, and counted it. */
  #isChange = false
  #isCounted = false

  /** @param onUncounted called when a change may not have been counted, so that all entries become invalid */
  constructor (connection: Sqlite.Database, onUncounted: (reason: UncountedReason) => void = () => {}) {
    this.#onUncounted = onUncounted
    this.pageBytes = connection.pragma('page_size', { simple: true }) as number
    // A statement that changes no row in the end may still write to larder_rows: see row-counts.ts.
    this.#listPages = connection.prepare<[], number>(
      "SELECT pageno FROM dbstat WHERE name IN ('larder_clock', 'larder_rows')").pluck()
    this.#pages = new Set(this.#listPages.all())
    this.index = new WalIndex(connection.name)
    this.#file = openSync(`${connection.name}-wal`, 'r')
    this.#readOn()
  }

  /** Whether there are frames left to read. */
  get isBehind (): boolean {
    return this.#isBehind
  }

  /** The pages of the counters. It is another set after they may have moved. */
  get pages (): ReadonlySet<number> {
    return this.#pages
  }

  /** Looks up on which pages the counters are. */
  listPages (): void {
    this.#pages = new Set(this.#listPages.all())
  }

  /** Reads on, and returns whether a change may not have been counted. */
  hasUncounted (): boolean {
    const reason = this.#readOn()
    if (reason === undefined || (reason === 'uncounted' && this.#hasMoved())) return false
    this.#onUncounted(reason)
    return true
  }

  /** Call it after the connections to the database are closed. */
  close (): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
    this.index.close()
  }

  /** Whether the counters have moved to another page, as a page that overflows is split. */
  #hasMoved (): boolean {
    const before = this.#pages
    this.listPages()
    return this.#pages.size !== before.size || [...before].some((page) => !this.#pages.has(page))
  }

  #readOn (): UncountedReason | undefined {
    this.#isBehind = true
    const end = this.index.read()
    if (end === undefined) return undefined
    // What was committed before the start is not judged.
    if (this.#salt === undefined) [this.#salt, this.#frames, this.#commits] = [end.salt, end.frames, end.commits]
    let isUncounted = false
    for (let reads = 0; reads < MAX_FRAMES; reads++) {
      const isLastLog = this.#salt === end.salt
      if (isLastLog && this.#frames === end.frames) {
        this.#isBehind = false
        const isOverwritten = this.#commits !== end.commits
        this.#commits = end.commits
        return isOverwritten ? 'overwritten' : isUncounted ? 'uncounted' : undefined
      }
      const endsUncounted = this.#readFrame()
      if (endsUncounted !== undefined) isUncounted ||= endsUncounted
      /* c8 ignore next - only if another program begins the log anew after its index was read */
      else if (isLastLog) break
      else this.#beginLog(end.salt)
    }
    return isUncounted ? 'uncounted' : undefined
  }

  #beginLog (salt: bigint): void {
    [this.#salt, this.#frames] = [salt, 0]
    this.#isChange = this.#isCounted = false
  }

  /** Reads the next frame. Returns whether it ends a commit that was not counted; undefined if there is no frame. */
  #readFrame (): boolean | undefined {
    const header = this.#header
    const position = HEADER_BYTES + this.#frames * (FRAME_HEADER_BYTES + this.pageBytes)
    const bytes = readSync(this.#file!, header, 0, FRAME_HEADER_BYTES, position)
    if (bytes < FRAME_HEADER_BYTES || header.readBigUInt64BE(8) !== this.#salt) return undefined
    this.#frames++
    const page = header.readUInt32BE(0)
    this.#isChange ||= page !== 1
    this.#isCounted ||= this.#pages.has(page)
    const isCommit = header.readUInt32BE(4) !== 0
    if (!isCommit) return false
    const isUncounted = this.#isChange && !this.#isCounted
    this.#isChange = this.#isCounted = false
    this.#commits = (this.#commits + 1) % 2 ** 32
    return isUncounted
  }
}
