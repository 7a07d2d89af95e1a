/** Milliseconds by which the clocks of two processes may differ: an entry from further in the future is expired. */
export const MAX_SKEW_MS = 1_000

/** Milliseconds after which the system clock is compared with the monotonic clock again. */
const SAMPLE_MS = 1_000
/** Milliseconds by which they may differ without a reason: the system clock is read in whole milliseconds. */
const ROUNDING_MS = 2

/**
 * Makes a clock that returns the time in milliseconds since 1970, and never runs backwards. If the system clock is set
 * back, it goes on from where it was, at the speed of the monotonic clock. If the system clock is set forward, e.g.
 * after the machine was suspended, it follows.
 *
 * @param system returns milliseconds since 1970
 * @param monotonic returns milliseconds since any time
 */
export function createClock (system: () => number, monotonic: () => number): () => number {
  let sampledAt = system()
  let sampledMonotonic = monotonic()
  let last = sampledAt
  /** Milliseconds by which this clock is ahead of the system clock. */
  let ahead = 0

  function sample (time: number): void {
    const elapsed = monotonic()
    const setBack = Math.round((elapsed - sampledMonotonic) - (time - sampledAt))
    if (Math.abs(setBack) > ROUNDING_MS) ahead = Math.max(0, ahead + setBack)
    sampledAt = time
    sampledMonotonic = elapsed
  }

  return () => {
    const time = system()
    if (time < last || time - sampledAt >= SAMPLE_MS) sample(time)
    last = time
    return time + ahead
  }
}

/** The time of this process, see `createClock`. */
export const currentTime = createClock(() => Date.now(), () => performance.now())
