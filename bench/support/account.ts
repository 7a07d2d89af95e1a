/*
 * Is loaded into each measured program (`--import`), and reports its CPU time to the process that started it. So no
 * program needs a route for that, and the service can be measured as it is.
 */

export interface Account {
  /** Microseconds of CPU time. */
  cpu: number
  /** How often its handlers have run. */
  runs: number
}

let runs = 0

/** Handlers call this for each page that they make, so that we notice a cache that does not work. */
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
