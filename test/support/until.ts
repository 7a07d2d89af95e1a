import { setTimeout as sleep } from 'node:timers/promises'

/** Longest that something may take that waits for the network, on a machine that is busy. */
const PATIENCE_MS = 20_000

/** Asks again and again until it is so. @param what for the error where it never is */
export async function until (what: string, isSo: () => unknown): Promise<void> {
  await untilIn(what, PATIENCE_MS, isSo)
}

/** As `until`, and fails where that takes longer than so many milliseconds. Answers how many it took. */
export async function untilIn (what: string, ms: number, isSo: () => unknown): Promise<number> {
  const began = performance.now()
  while (!await isSo()) {
    if (performance.now() - began > ms) throw new Error(`after ${ms} ms still not so: ${what}`)
    await sleep(5)
  }
  return performance.now() - began
}
