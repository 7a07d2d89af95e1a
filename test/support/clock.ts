/** A clock that stands still until it is told to move. */
export interface FakeClock {
  /** Milliseconds since 1970. */
  now: () => number
  /** Moves it on. */
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
