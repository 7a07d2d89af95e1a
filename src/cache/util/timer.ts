import type { Channel } from 'node:diagnostics_channel'

/** The present time in milliseconds if the channel has subscribers, else 0: nobody needs the duration then. */
export function startTimer (channel: Channel): number {
  return channel.hasSubscribers ? performance.now() : 0
}

/** Milliseconds since `startTimer`; 0 if the channel had no subscribers then. */
export function elapsed (startedAt: number): number {
  return startedAt === 0 ? 0 : performance.now() - startedAt
}
