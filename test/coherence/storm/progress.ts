/** Events that the report of a violation shows. */
const REPORTED_EVENTS = 25
/** Reads after which a condition that is still false fails the storm. */
const PATIENCE = 30_000

interface Count { reads: number, hits: number }
interface Waiting { until: number, go: () => void }

/** Counts the reads of a storm. Its tasks wait for reads instead of time, so that it is the same on a slow machine. */
export class Progress {
  readonly reads = new Map<string, Count>()
  readonly writes = new Map<string, number>()
  readonly events = new Map<string, number>()
  readonly violations: object[] = []
  /** Requests that failed because their server was killed. */
  unanswered = 0
  checked = 0
  hits = 0
  over = false
  /** Resolves at the end of a silence. Writers wait for it. */
  mayWrite: Promise<void> = Promise.resolve()
  readonly #lastEvents: string[] = []
  readonly #waiting = new Set<Waiting>()
  readonly #onEvent: (event: string) => void

  constructor (onEvent: (event: string) => void) {
    this.#onEvent = onEvent
  }

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

  write (kind: string, details: string): void {
    this.writes.set(kind, (this.writes.get(kind) ?? 0) + 1)
    this.#remember(details)
  }

  event (kind: string, details = ''): void {
    this.events.set(kind, (this.events.get(kind) ?? 0) + 1)
    const event = `${kind} ${details}`.trim()
    this.#remember(event)
    this.#onEvent(`${this.checked} reads: ${event}`)
  }

  /** Records a violation and ends the storm. */
  violation (details: object): void {
    this.violations.push({ ...details, afterReads: this.checked, before: [...this.#lastEvents] })
    this.end()
  }

  /** Resolves after so many more reads, or at the end of the storm. */
  async after (reads: number): Promise<void> {
    if (this.over) return
    await new Promise<void>((resolve) => this.#waiting.add({ until: this.checked + reads, go: resolve }))
  }

  /** Resolves when a condition is true, or at the end of the storm. Fails if it stays false for too many reads. */
  async until (condition: string, isTrue: () => boolean): Promise<void> {
    const deadline = this.checked + PATIENCE
    while (!this.over && !isTrue()) {
      if (this.checked > deadline) throw new Error(`After ${PATIENCE} reads it is still not true that ${condition}.`)
      await this.after(10)
    }
  }

  /**
   * Runs `work` with so many reads before and after it in which nothing is written.
   *
   * So caches are full, and no other write hides an invalidation that this work has omitted.
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

  #remember (event: string): void {
    this.#lastEvents.push(event)
    if (this.#lastEvents.length > REPORTED_EVENTS) this.#lastEvents.shift()
  }
}
