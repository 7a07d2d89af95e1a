import { setTimeout as sleep } from 'node:timers/promises'

/** Asks again and again until it is so, and fails where that takes longer than so many milliseconds. Answers how many it took. */
export async function until (what: string, ms: number, isSo: () => boolean | Promise<boolean>): Promise<number> {
  const began = performance.now()
  while (!await isSo()) {
    if (performance.now() - began > ms) throw new Error(`after ${ms} ms still not: ${what}`)
    await sleep(5)
  }
  return performance.now() - began
}
