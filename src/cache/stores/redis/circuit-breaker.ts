export interface CircuitBreakerOptions {
  /** Whether the service works again. It is called while the circuit is open, and must not reject. */
  probe: () => Promise<boolean>
  /** Called each time that the circuit opens. */
  onOpen: () => void
  /** Called once per outage with its reason, and once after each recovery. */
  onStateChange?: ((up: boolean, reason?: Error) => void) | undefined
}

/** Failures in a row that open the circuit. */
const MAX_FAILURES = 3
/** Probe interval while the circuit is open. Doubles if the service fails again soon after it recovered. */
const PROBE_MS = 250
const LONGEST_PROBE_MS = 4_000
/** Milliseconds after a recovery in which another failure counts as soon. */
const STABLE_MS = 5_000

/**
 * Decides whether a service is worth calling. A few failures in a row, or a lost connection, open the circuit: callers
 * then fail at once instead of waiting. A probe that succeeds closes it again.
 */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions
  #isOpen = false
  /** The state that was reported last. An outage that ends before the first probe has failed is never reported. */
  #isReportedOpen = false
  #isDisposed = false
  #failures = 0
  #reason: Error | undefined
  #probeMs = PROBE_MS
  #closedAt = -Infinity
  #timer: NodeJS.Timeout | undefined
  #isProbing = false

  constructor (options: CircuitBreakerOptions) {
    this.#options = options
  }

  get isOpen (): boolean {
    return this.#isOpen
  }

  /** The last failure, if there was one since the circuit was closed. */
  get reason (): Error | undefined {
    return this.#reason
  }

  success (): void {
    this.#failures = 0
  }

  /** Counts a failure, and opens the circuit if it is the third in a row. */
  failure (error: Error): void {
    // Calls that were in flight when the circuit opened say nothing new.
    if (this.#isOpen || ++this.#failures < MAX_FAILURES) return
    this.open(error)
    this.#report()
  }

  /** Opens the circuit at once. It is reported only if the first probe fails, or if there is an `explain`. */
  open (reason: Error): void {
    this.#reason = reason
    if (this.#isOpen || this.#isDisposed) return
    this.#isOpen = true
    const isSoon = performance.now() - this.#closedAt < STABLE_MS
    this.#probeMs = isSoon ? Math.min(2 * this.#probeMs, LONGEST_PROBE_MS) : PROBE_MS
    this.#scheduleProbe()
    this.#options.onOpen()
  }

  /** Remembers why the service does not work, for this outage or for the next. */
  explain (reason: Error): void {
    this.#reason = reason
    if (this.#isOpen) this.#report()
  }

  /** Probes now instead of at the end of the interval. One probe at a time: the last one may not have returned yet. */
  probe (): void {
    clearTimeout(this.#timer)
    if (!this.#isOpen || this.#isDisposed || this.#isProbing) return
    this.#isProbing = true
    this.#options.probe().then((works) => {
      this.#isProbing = false
      if (works) return this.#close()
      this.#report()
      this.#scheduleProbe()
    })
  }

  /** Stops probing and reporting. */
  dispose (): void {
    this.#isDisposed = true
    clearTimeout(this.#timer)
  }

  #close (): void {
    this.#isOpen = false
    this.#closedAt = performance.now()
    this.#failures = 0
    this.#reason = undefined
    this.#report()
  }

  #scheduleProbe (): void {
    clearTimeout(this.#timer)
    if (!this.#isDisposed) this.#timer = setTimeout(() => this.probe(), this.#probeMs).unref()
  }

  #report (): void {
    if (this.#isReportedOpen === this.#isOpen || this.#isDisposed) return
    this.#isReportedOpen = this.#isOpen
    if (this.#isOpen) this.#options.onStateChange?.(false, this.#reason)
    else this.#options.onStateChange?.(true)
  }
}
