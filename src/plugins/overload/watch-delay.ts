import { monitorEventLoopDelay } from 'node:perf_hooks'

const INTERVAL_MS = 1_000
const RESOLUTION_MS = 20

/** Calls a function with the median delay of the event loop in milliseconds. Returns a function that stops it. */
export type WatchDelay = (onInterval: (medianMs: number) => void) => () => void

/** Measures each second. If the event loop is blocked for longer, that is one interval. */
export const watchDelay: WatchDelay = (onInterval) => {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  // After all timers that are due, so that a delay which ends now is in this interval.
  const timer = setInterval(() => setImmediate(() => {
    onInterval(delays.percentile(50) / 1e6)
    delays.reset()
  }), INTERVAL_MS).unref()
  return () => {
    clearInterval(timer)
    delays.disable()
  }
}
