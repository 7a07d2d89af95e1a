import { setTimeout as sleep } from 'node:timers/promises'

/** Longest that something may take that waits for the network, on a machine that is busy. */
const PATIENCE_MS = 20_000

/** Resolves once a condition holds. @param what for the error where it never does */
export async function until (what: string, holds: () => unknown): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!await holds()) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`)
    await sleep(5)
  }
}
