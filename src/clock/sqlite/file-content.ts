import type { WriteAheadLog } from './write-ahead-log.ts'

type Log = Pick<WriteAheadLog, 'index' | 'pageBytes' | 'pages'>

/** What was read of a database file, and when. */
interface Reading {
  readonly checkpoint: string
  readonly pages: ReadonlySet<number>
  readonly content: Buffer
}

/**
 * Notices that a program other than SQLite has overwritten a database file in place, as `cp` does. SQLite writes to it
 * only at checkpoints. So if the pages of the counters are different, and there was no checkpoint, the file is of
 * another history, and the write-ahead log does not fit.
 */
export class FileContent {
  readonly #log: Log
  #last: Reading | undefined
  #isOverwritten = false

  constructor (log: Log) {
    this.#log = log
  }

  /** Returns whether the file was overwritten, as far as two calls without a checkpoint between them can show it. */
  isOverwritten (): boolean {
    const last = this.#last
    const now = this.#last = this.#tryRead()
    if (last === undefined || now === undefined) return this.#isOverwritten
    const isComparable = last.checkpoint === now.checkpoint && last.pages === now.pages
    this.#isOverwritten ||= isComparable && !last.content.equals(now.content)
    return this.#isOverwritten
  }

  /** What cannot be read is an error for the callers that read next. */
  #tryRead (): Reading | undefined {
    try {
      return this.#read()
    } catch {
      return undefined
    }
  }

  /** Reads the first page and those of the counters; undefined during a checkpoint. */
  #read (): Reading | undefined {
    const { index, pageBytes, pages } = this.#log
    const checkpoint = index.readCheckpoint()
    if (checkpoint === undefined) return undefined
    const content = Buffer.alloc(pageBytes * (1 + pages.size))
    let start = 0
    for (const page of [1, ...pages]) {
      index.readDatabase(content.subarray(start, start + pageBytes), (page - 1) * pageBytes)
      start += pageBytes
    }
    return index.readCheckpoint() === checkpoint ? { checkpoint, pages, content } : undefined
  }
}
