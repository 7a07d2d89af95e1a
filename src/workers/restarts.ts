/** Milliseconds after which a worker counts as stable: the next one starts at once if it ends. */
const STABLE_MS = 10_000
/** Milliseconds before a start, if the last worker was not stable. Each failure doubles them. */
const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 10_000

/** The starts of one worker and of those that replace it, one after another: how soon the next one starts. */
export class Restarts {
  #startedAt = 0
  #failures = 0
  /** Waits for the next start. */
  timer: NodeJS.Timeout | undefined

  /** Notes the start of a worker. */
  begin (): void {
    this.#startedAt = Date.now()
  }

  /** Returns the milliseconds until the next start: none after a stable worker, or for the first one that ends. */
  nextDelay (): number {
    if (Date.now() - this.#startedAt >= STABLE_MS) this.#failures = 0
    const delay = this.#failures === 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (this.#failures - 1), MAX_DELAY_MS)
    this.#failures++
    return delay
  }
}
