import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds that a condition may take that depends on the network, on a busy machine. */
const PATIENCE_MS = 20_000
/** Milliseconds between two checks: a part of the time so far, since each check may be a request. */
const MIN_PAUSE_MS = 5
const MAX_PAUSE_MS = 50
const PAUSE = 0.1

/** Waits until a condition is true. @param condition for the message of the error if it stays false */
export async function until (condition: string, isTrue: () => unknown): Promise<void> {
  await untilIn(condition, PATIENCE_MS, isTrue)
}

/** Like `until`, with a limit in milliseconds. Returns how many it took. */
export async function untilIn (condition: string, ms: number, isTrue: () => unknown): Promise<number> {
  const startedAt = performance.now()
  while (!await isTrue()) {
    const elapsed = performance.now() - startedAt
    if (elapsed > ms) throw new Error(`After ${ms} ms this is still not true: ${condition}.`)
    await sleep(Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, PAUSE * elapsed)))
  }
  return performance.now() - startedAt
}
