import { closeSync, openSync, readSync } from 'node:fs'
import type Sqlite from 'better-sqlite3'

/** The format of the file: https://sqlite.org/fileformat2.html#walformat. */
const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24

/** The number of frames that are read at once, or more within one commit, so that the event loop is not blocked. */
export const MAX_FRAMES = 2_000

/**
 * Reads the write-ahead log of a database, to find commits that changed something and that no trigger counted.
 *
 * Some writes fire no trigger: incremental blob I/O, writes of connections that have disabled triggers, those whose own
 * temporary triggers skip ours. Each commit is a series of frames, each with the number of a page that it changed. If
 * the page of the counters is not among them, the commit was not counted. The first page has no rows of tables: alone
 * it means that everything was rolled back.
 */
export class WriteAheadLog {
  #file: number | undefined
  readonly #pageBytes: number
  readonly #listPages: Sqlite.Statement<[], number>
  readonly #header = Buffer.alloc(HEADER_BYTES)
  #pages: ReadonlySet<number>
  /** Identifies the frames since the log was begun anew. */
  #salt: bigint | undefined
  /** The number of frames up to the last commit that was read. */
  #frames = 0
  #maxFrames = MAX_FRAMES
  #isBehind = true

  constructor (connection: Sqlite.Database) {
    this.#pageBytes = connection.pragma('page_size', { simple: true }) as number
    this.#listPages = connection.prepare<[], number>("SELECT pageno FROM dbstat WHERE name = 'larder_clock'").pluck()
    this.#pages = new Set(this.#listPages.all())
    this.#file = openSync(`${connection.name}-wal`, 'r')
    while (this.#isBehind) this.hasUncounted() // What was committed before the start is not judged.
  }

  /** Whether there are frames left to read. */
  get isBehind (): boolean {
    return this.#isBehind
  }

  /** Looks up on which pages the counters are. */
  listPages (): void {
    this.#pages = new Set(this.#listPages.all())
  }

  /** Reads on, and returns whether a commit was not counted. */
  hasUncounted (): boolean {
    if (!this.#readUncounted()) return false
    // The counters may have moved to another page, as a page that overflows is split.
    const before = this.#pages
    this.listPages()
    return this.#pages.size === before.size && [...before].every((page) => this.#pages.has(page))
  }

  close (): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #readUncounted (): boolean {
    const header = this.#header
    const file = this.#file!
    this.#isBehind = false
    if (readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return false
    const salt = header.readBigUInt64BE(16)
    if (salt !== this.#salt) [this.#salt, this.#frames] = [salt, 0]
    const start = this.#frames
    let hasUncounted = false
    let isChange = false
    let isCounted = false
    for (let frame = start; frame < start + this.#maxFrames;) {
      const position = HEADER_BYTES + frame * (FRAME_HEADER_BYTES + this.#pageBytes)
      const bytes = readSync(file, header, 0, FRAME_HEADER_BYTES, position)
      if (bytes < FRAME_HEADER_BYTES || header.readBigUInt64BE(8) !== salt) return hasUncounted
      frame++
      const page = header.readUInt32BE(0)
      isChange ||= page !== 1
      isCounted ||= this.#pages.has(page)
      const isCommit = header.readUInt32BE(4) !== 0
      if (!isCommit) continue
      hasUncounted ||= isChange && !isCounted
      isChange = isCounted = false
      this.#frames = frame
    }
    // What follows the last commit is read again, since it is overwritten if its transaction is rolled back.
    this.#maxFrames = this.#frames === start ? this.#maxFrames * 2 : MAX_FRAMES
    this.#isBehind = true
    return hasUncounted
  }
}
