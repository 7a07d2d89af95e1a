import t from 'tap'
import { soak } from '../../support/soak.ts'
import { loadCode } from './model/code.ts'
import { ExplorerThread, type Result } from './model/jobs.ts'
import { MUTATIONS } from './model/mutations.ts'
import { createNaiveDesigns } from './model/naive-designs.ts'

/*
 * Promise G1, "never stale", in a model of PostgreSQL's snapshots: two processes with clocks of their own share a store
 * while transactions are open, prepared, rolled back, and lost in crashes. The code of the clock runs as it is, and the
 * explorer chooses when each query and each answer arrives. EXPLORER_SEED chooses other orders.
 */
const SEED = Number(process.env.EXPLORER_SEED ?? 1)
const LIMITS = { seed: SEED, depths: soak([400], [20]) }
/** A wrong answer of the others is found long before that. */
const NAIVE_LIMITS = { seed: SEED, depths: [5, 30, 300] }

t.setTimeout(600_000)

const thread = new ExplorerThread()
t.teardown(() => thread.end())

const report = ({ runs, hits }: Result) => `seed ${SEED}: ${runs} orders of events, ${hits} hits`

for (const [ours, title] of [['direct', ''], ['pooled', ', behind a pooler that changes servers']] as const) {
  t.test(`no order of events makes an answer stale${title}`, async (t) => {
    const result = await thread.run({ ours, limits: LIMITS })
    t.comment(report(result))
    t.equal(result.violation, undefined, report(result))
    t.ok(result.hits > result.runs / 4, 'many answers are from the cache')
  })
}

t.test('an order of events makes an answer of each simpler design stale', async (t) => {
  for (const { title } of createNaiveDesigns(await loadCode())) {
    const result = await thread.run({ design: title, limits: NAIVE_LIMITS })
    t.match(result.violation?.message, /a hit/, `${title}, ${report(result)}`)
  }
})

t.test('an order of events makes an answer stale if a rule is left out of the code', async (t) => {
  for (const { title } of MUTATIONS) {
    const result = await thread.run({ mutation: title, limits: NAIVE_LIMITS })
    t.match(result.violation?.message, /a hit/, `${title}, ${report(result)}`)
  }
})
