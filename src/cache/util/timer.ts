import type { Channel } from 'node:diagnostics_channel'

/** The longest timer of Node in milliseconds. A longer one would end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The nearest duration of a timer: no longer than Node can wait, about 25 days. */
export function toTimerMs (ms: number): number {
  return Math.min(ms, LONGEST_TIMER_MS)
}

/** The present time in milliseconds if the channel has subscribers, else 0: nobody needs the duration then. */
export function startTimer (channel: Channel): number {
  return channel.hasSubscribers ? performance.now() : 0
}

/** Milliseconds since `startTimer`; 0 if the channel had no subscribers then. */
export function elapsed (startedAt: number): number {
  return startedAt === 0 ? 0 : performance.now() - startedAt
}
