/** Measures in turn what is named of these parts; all where nothing is. */
const PARTS: Record<string, () => Promise<unknown>> = {
  contenders: () => import('./contenders.ts'),
  growth: () => import('./growth.ts'),
  clock: () => import('./clock.ts'),
  load: () => import('./load.ts')
}

const named = process.argv.slice(2)
for (const name of named.length === 0 ? Object.keys(PARTS) : named) {
  const run = PARTS[name]
  if (run === undefined) throw new Error(`there is no part "${name}", only ${Object.keys(PARTS).join(' and ')}`)
  await run()
}

export {}
