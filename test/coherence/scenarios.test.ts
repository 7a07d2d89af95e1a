import t from 'tap'
import { createCache } from '../../src/cache/index.ts'
import { soak } from '../support/soak.ts'
import { ScenarioExplorer } from './scenarios/explorer.ts'
import { cacheAside, stampedLate } from './scenarios/naive-caches.ts'
import type { Subject } from './scenarios/process.ts'
import { ANYTHING, FAIR } from './scenarios/steps.ts'

/*
 * Promise G1, "never stale", in random scenarios and random orders of events. To run more of them, or others:
 *
 *   SCENARIO_SEED=1 SCENARIO_RUNS=20000 tap test/coherence/scenarios.test.ts --timeout=3600
 */
const SEED = Number(process.env.SCENARIO_SEED ?? 2026)
const LIMITS = process.env.SCENARIO_RUNS === undefined
  ? { seed: SEED, ...soak({ runs: 1_000, seconds: 60 }, { runs: 60, seconds: 10 }) }
  : { seed: SEED, runs: Number(process.env.SCENARIO_RUNS) }
/** A few dozen scenarios are enough to find a stale value of a naive cache. */
const NAIVE_LIMITS = { seed: SEED, runs: 1_000, endOnFailure: true }

t.setTimeout(600_000)

const explorer = new ScenarioExplorer(t.testdir())

const OURS: Subject = { makeCache: (parts) => createCache(parts), deletes: 'sometimes' }

const SUBJECTS: Record<string, Subject> = {
  'a shared Redis': OURS,
  'an L1 store in each process over the shared Redis': { ...OURS, tiered: true },
  'an asynchronous version clock': { ...OURS, slowClock: true }
}

for (const [name, subject] of Object.entries(SUBJECTS)) {
  t.test(`no value is older than the start of its read, with ${name}`, async (t) => {
    const { failed, done, report } = await explorer.explore(subject, ANYTHING, LIMITS)
    t.comment(`SCENARIO_SEED=${SEED}, ${done} scenarios`)
    if (failed) t.fail(`SCENARIO_SEED=${SEED}: a scenario with a wrong value`, { report })
    else t.ok(done > 0)
  })
}

const NAIVE: Subject = { makeCache: ({ store }) => cacheAside(store), deletes: 'after' }

const NAIVE_SUBJECTS: Record<string, Subject> = {
  'writers delete keys after their commits': NAIVE,
  'writers delete keys just before their commits': { ...NAIVE, deletes: 'before' },
  'versions are checked, but stamps are taken after loads': {
    ...NAIVE, makeCache: ({ store, versions }) => stampedLate(store, versions)
  },
  'it is ours, but its version clock reports no changes': {
    ...OURS,
    makeCache ({ versions, ...parts }) {
      return createCache({ ...parts, versions: Object.assign(versions, { firstChanged: () => undefined }) })
    }
  }
}

for (const [name, subject] of Object.entries(NAIVE_SUBJECTS)) {
  t.test(`a scenario finds a stale value of a cache if ${name}`, async (t) => {
    for (const scenarios of soak([ANYTHING, FAIR], [ANYTHING])) {
      const { failed, error } = await explorer.explore(subject, scenarios, NAIVE_LIMITS)
      t.equal(failed, true)
      t.match(error, { cause: { name: 'Violation', message: /^the value / } })
    }
  })
}
