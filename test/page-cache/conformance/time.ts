import { setTimeout as sleep } from 'node:timers/promises'
import { fakeClock } from '../../support/clock.ts'

/** The clock of the origin, the cache and the client. */
export interface Time {
  readonly now: () => number
  /** Tests run side by side where a pause takes as long as it says, and one after the other where it takes nothing. */
  readonly real: boolean
  pause (seconds: number): Promise<void>
}

export const realTime = (): Time => ({ now: Date.now, real: true, pause: (seconds) => sleep(seconds * 1000) })

export function fakeTime (): Time {
  const { now, advance } = fakeClock()
  return { now, real: false, pause: async (seconds) => advance(seconds) }
}
