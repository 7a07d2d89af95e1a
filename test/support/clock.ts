/** A clock that changes only when `advance` is called. */
export interface FakeClock {
  /** Milliseconds since 1970. */
  now: () => number
  /** Adds seconds to the time. */
  advance (seconds: number): void
}

/** Starts at the first second of 2026. */
export function fakeClock (): FakeClock {
  let time = Date.UTC(2026, 0, 1)
  return {
    now: () => time,
    advance (seconds) { time += seconds * 1000 }
  }
}
