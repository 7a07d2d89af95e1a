/** Happenings that a report of a violation shows. */
const REMEMBERED = 25
/** Reads in which anything comes about that ever will. */
const PATIENCE = 30_000

interface Count { reads: number, hits: number }
interface Waiting { until: number, go: () => void }

/** The progress of a storm, which all its tasks go by instead of the time, so that a slow machine sees the same storm. */
export class Tally {
  readonly reads = new Map<string, Count>()
  readonly writes = new Map<string, number>()
  readonly happenings = new Map<string, number>()
  readonly violations: object[] = []
  /** Requests that got no answer, since their server was killed. */
  unanswered = 0
  checked = 0
  hits = 0
  over = false
  /** Writers wait for it: it resolves when the last silence is over. */
  mayWrite: Promise<void> = Promise.resolve()
  readonly #last: string[] = []
  readonly #waiting = new Set<Waiting>()

  read (kind: string, hit: boolean): void {
    const count = this.reads.get(kind) ?? { reads: 0, hits: 0 }
    this.reads.set(kind, count)
    count.reads++
    this.checked++
    if (hit) {
      count.hits++
      this.hits++
    }
    for (const waiting of this.#waiting) {
      if (this.checked >= waiting.until) this.#go(waiting)
    }
  }

  write (what: string, told: string): void {
    this.writes.set(what, (this.writes.get(what) ?? 0) + 1)
    this.#remember(told)
  }

  happened (what: string, to = ''): void {
    this.happenings.set(what, (this.happenings.get(what) ?? 0) + 1)
    this.#remember(`${what} ${to}`.trim())
  }

  /** Ends all: what follows a first violation tells nothing new. */
  violation (details: object): void {
    this.violations.push({ ...details, afterReads: this.checked, before: [...this.#last] })
    this.end()
  }

  /** Resolves when so many more reads have been checked, or all is over. */
  async after (reads: number): Promise<void> {
    if (this.over) return
    await new Promise<void>((resolve) => this.#waiting.add({ until: this.checked + reads, go: resolve }))
  }

  /** Resolves when something has come about that reads bring about, or all is over. */
  async until (what: string, isSo: () => boolean): Promise<void> {
    const deadline = this.checked + PATIENCE
    while (!this.over && !isSo()) {
      if (this.checked > deadline) throw new Error(`in ${PATIENCE} reads it did not come about that ${what}`)
      await this.after(10)
    }
  }

  /**
   * Runs `work` amidst so many reads without a write, before and after it: caches fill, and no other write hides what
   * this one fails to do.
   */
  async inSilence<T> (reads: number, work: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.mayWrite = promise
    try {
      await this.after(reads)
      const result = await work()
      await this.after(reads)
      return result
    } finally {
      resolve()
    }
  }

  end (): void {
    this.over = true
    for (const waiting of this.#waiting) this.#go(waiting)
  }

  #go (waiting: Waiting): void {
    this.#waiting.delete(waiting)
    waiting.go()
  }

  #remember (what: string): void {
    this.#last.push(what)
    if (this.#last.length > REMEMBERED) this.#last.shift()
  }
}
