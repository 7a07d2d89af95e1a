/** Milliseconds by which the clocks of two processes may differ: an entry from further in the future is expired. */
export const MAX_SKEW_MS = 1_000

/** Milliseconds after which the system clock is compared with the monotonic clock again. */
const SAMPLE_MS = 1_000
/** Milliseconds by which they may differ without a reason: the system clock is read in whole milliseconds. */
const ROUNDING_MS = 2
/** The speed of a clock that waits for the system clock: an error of a minute is gone after twenty. */
const SLOW = 0.95

/**
 * Makes a clock that returns the time in milliseconds since 1970, and never runs backwards.
 *
 * If the system clock is set forward, e.g. after the machine was suspended, it follows at once. If the system clock is
 * set back, it goes on from where it was, a little slower than the monotonic clock, until the system clock has caught
 * up. So no lifetime becomes much longer, and the clock is not ahead for good: it cannot know which of both times was
 * right, and other processes follow the new one.
 *
 * @param system returns milliseconds since 1970
 * @param monotonic returns milliseconds since any time
 */
export function createClock (system: () => number, monotonic: () => number): () => number {
  let sampledAt = system()
  let sampledMonotonic = monotonic()
  let last = sampledAt
  /** The system clock was set back, and has not caught up yet. */
  let isAhead = false

  function sample (time: number): number {
    const elapsed = monotonic() - sampledMonotonic
    const expected = sampledAt + elapsed * (isAhead ? SLOW : 1)
    isAhead = time < expected - ROUNDING_MS
    sampledAt = isAhead ? expected : time
    sampledMonotonic += elapsed
    return Math.max(last, Math.floor(sampledAt))
  }

  return () => {
    const time = system()
    last = isAhead || time < last || time - sampledAt >= SAMPLE_MS ? sample(time) : time
    return last
  }
}

/** The time of this process, see `createClock`. */
export const currentTime = createClock(() => Date.now(), () => performance.now())
