/** Parts that can be measured. `node bench/index.ts growth clock` measures these two; without names, all. */
const PARTS: Record<string, () => Promise<unknown>> = {
  contenders: () => import('./contenders.ts'),
  growth: () => import('./growth.ts'),
  clock: () => import('./clock.ts'),
  load: () => import('./load.ts'),
  scale: () => import('./scale.ts'),
  postgres: () => import('./postgres.ts'),
  service: () => import('./service.ts')
}

const named = process.argv.slice(2)
for (const name of named.length === 0 ? Object.keys(PARTS) : named) {
  const run = PARTS[name]
  if (run === undefined) throw new Error(`Unknown part "${name}". Choose from ${Object.keys(PARTS).join(', ')}.`)
  await run()
}

export {}
