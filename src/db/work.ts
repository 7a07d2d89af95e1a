/** How much work of a kind there is, and how long it has taken since the start. */
export interface WorkStats {
  /** Pieces of work that wait for their turn. */
  readonly waiting: number
  readonly running: number
  /** Pieces of work that have run and ended. */
  readonly ended: number
  /** Seconds that all of them have waited together. */
  readonly waitSeconds: number
  /** Seconds that all of them have run together. */
  readonly runSeconds: number
}

/** Counts work of a kind. */
export class WorkMeter implements WorkStats {
  waiting = 0
  running = 0
  ended = 0
  waitSeconds = 0
  runSeconds = 0

  /** Counts a piece of work that waits from now on. */
  add (): Work {
    return new Work(this)
  }
}

type State = 'waiting' | 'running' | 'ended'

/** A piece of work that is counted. */
export class Work {
  readonly #meter: WorkMeter
  #since = performance.now()
  #state: State = 'waiting'

  constructor (meter: WorkMeter) {
    this.#meter = meter
    meter.waiting++
  }

  /** Counts it as running from now on. */
  start (): void {
    this.#leave('running')
    this.#meter.running++
  }

  /** Counts it as ended; or, if it has not started, no longer as waiting. */
  end (): void {
    if (this.#state !== 'ended') this.#leave('ended')
  }

  #leave (next: State): void {
    const now = performance.now()
    const seconds = (now - this.#since) / 1000
    this.#since = now
    if (this.#state === 'waiting') {
      this.#meter.waiting--
      this.#meter.waitSeconds += seconds
    } else {
      this.#meter.running--
      this.#meter.runSeconds += seconds
      this.#meter.ended++
    }
    this.#state = next
  }
}
