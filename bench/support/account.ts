/**
 * Runs in a program that is measured, ahead of it (`--import`), and tells the one that started it what it has done so
 * far: so no program needs a route for it, and the service itself can be asked too.
 */

export interface Account {
  /** Microseconds of the processor. */
  cpu: number
  /** How often its handlers made a page. */
  runs: number
}

let runs = 0

/** To be called by a handler that makes a page: a cache that works calls it once. */
export function countRun (): void {
  runs++
}

if (process.send !== undefined) {
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send!({ cpu: user + system, runs } satisfies Account)
  })
  process.channel!.unref()
}
