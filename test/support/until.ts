import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds that a condition may take that depends on the network, on a busy machine. */
const PATIENCE_MS = 20_000

/** Waits until a condition is true. @param condition for the message of the error if it stays false */
export async function until (condition: string, isTrue: () => unknown): Promise<void> {
  await untilIn(condition, PATIENCE_MS, isTrue)
}

/** Like `until`, with a limit in milliseconds. Returns how many it took. */
export async function untilIn (condition: string, ms: number, isTrue: () => unknown): Promise<number> {
  const startedAt = performance.now()
  while (!await isTrue()) {
    if (performance.now() - startedAt > ms) throw new Error(`After ${ms} ms this is still not true: ${condition}.`)
    await sleep(5)
  }
  return performance.now() - startedAt
}
