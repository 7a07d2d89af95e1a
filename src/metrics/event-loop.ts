import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** Milliseconds after which the figures are taken anew. */
const INTERVAL_MS = 5_000
/** Milliseconds between two measurements of the delay: often enough for a 99th percentile, and next to nothing. */
const RESOLUTION_MS = 20

/** Delays of timers in seconds, and the share of the time in which the event loop was busy, from 0 to 1. */
export interface EventLoopFigures {
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly utilization: number
}

/** Measures how much the event loop has to do: whatever blocks it delays every request. */
export class EventLoop {
  readonly #delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  #before = performance.eventLoopUtilization()
  #last: EventLoopFigures | undefined
  // After all timers that are due, so that a delay which ends now is in this interval.
  readonly #interval = setInterval(() => setImmediate(() => this.roll()), INTERVAL_MS).unref()

  constructor () {
    this.#delays.enable()
  }

  /** Ends an interval, whose figures are now the last ones, and begins the next. */
  roll (): void {
    this.#last = this.#read()
    this.#delays.reset()
    this.#before = performance.eventLoopUtilization()
  }

  /** The figures of the last five seconds that are over; or of the time since the start. */
  get figures (): EventLoopFigures {
    return this.#last ?? this.#read()
  }

  close (): void {
    clearInterval(this.#interval)
    this.#delays.disable()
  }

  #read (): EventLoopFigures {
    // Node measures the time from one timer to the next.
    const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) / 1000
    const { utilization } = performance.eventLoopUtilization(this.#before)
    const [p50, p99] = [50, 99].map((percentile) => seconds(this.#delays.percentile(percentile)))
    return { p50: p50!, p99: p99!, max: seconds(this.#delays.max), utilization }
  }
}
