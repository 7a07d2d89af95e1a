import t from 'tap'
import { createCache } from '../../src/cache/index.ts'
import { Explorer } from './explorer/explorer.ts'
import { cacheAside, stampedLate } from './explorer/naive.ts'
import type { Subject } from './explorer/process.ts'
import { ANYTHING, FAIR } from './explorer/steps.ts'

/*
 * Promise G1, "never stale", in all sorts of orders of events. To look further than every day, or elsewhere:
 *
 *   EXPLORER_SEED=1 EXPLORER_RUNS=20000 tap test/coherence/explorer.test.ts --timeout=3600
 */
const SEED = Number(process.env.EXPLORER_SEED ?? 2026)
const LIMITS = process.env.EXPLORER_RUNS === undefined
  ? { seed: SEED, runs: 300, seconds: 7 }
  : { seed: SEED, runs: Number(process.env.EXPLORER_RUNS) }
/** A naive cache is found out within a few dozen. */
const NAIVE_LIMITS = { seed: SEED, runs: 1_000, endOnFailure: true }

const explorer = new Explorer(t.testdir())

const OURS: Subject = { makeCache: (parts) => createCache(parts), deletes: 'sometimes' }

const SUBJECTS: Record<string, Subject> = {
  'a shared Redis': OURS,
  'a store in each process over the shared Redis': { ...OURS, tiered: true },
  'a clock that answers after a while': { ...OURS, slowClock: true }
}

for (const [name, subject] of Object.entries(SUBJECTS)) {
  t.test(`no answer is from before its request, with ${name}`, async (t) => {
    const { failed, played, report } = await explorer.explore(subject, ANYTHING, LIMITS)
    t.comment(`EXPLORER_SEED=${SEED}, ${played} stories`)
    if (failed) t.fail('a story with an answer that is wrong', { report })
    else t.ok(played > 0)
  })
}

const NAIVE: Subject = { makeCache: ({ store }) => cacheAside(store), deletes: 'after' }

const NAIVE_SUBJECTS: Record<string, Subject> = {
  'writers delete after their commits': NAIVE,
  'writers delete just before their commits': { ...NAIVE, deletes: 'before' },
  'versions are checked, but stamps are taken after loads': { ...NAIVE, makeCache: ({ store, versions }) => stampedLate(store, versions) },
  'it is ours, but the clock says that nothing moved': {
    ...OURS, makeCache: (parts) => createCache({ ...parts, versions: Object.assign(parts.versions, { firstChanged: () => undefined }) })
  }
}

for (const [name, subject] of Object.entries(NAIVE_SUBJECTS)) {
  t.test(`a cache is found out where ${name}`, async (t) => {
    for (const stories of [ANYTHING, FAIR]) {
      const { failed, error } = await explorer.explore(subject, stories, NAIVE_LIMITS)
      t.equal(failed, true)
      t.match(error, { cause: { name: 'Violation', message: /^the answer / } })
    }
  })
}
