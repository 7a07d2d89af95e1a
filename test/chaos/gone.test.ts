import t from 'tap'
import { RECOVERY_MS } from './endure.ts'
import { COME, GONE } from './log.ts'
import { untilIn } from '../support/until.ts'
import { type Fault, setUp, testFaults } from './world.ts'

/** Redis, or its machine, is gone for a while. */
const FAULTS: Fault[] = [
  {
    name: 'stopped',
    strike: ({ redis }) => redis.stop(),
    heal: ({ redis }) => redis.goOn(),
    told: 'both'
  },
  {
    name: 'killed, back empty',
    strike: ({ redis }) => redis.kill(),
    heal: ({ redis }) => redis.restart({ empty: true }),
    told: 'both'
  },
  {
    name: 'killed, back with an old dump',
    async strike ({ redis }) {
      await redis.save()
      await redis.kill()
    },
    heal: ({ redis }) => redis.restart(),
    told: 'both'
  }
]

testFaults(t, FAULTS)

t.test('each time that it goes and comes back is told once', async (t) => {
  const { redis, patrol, log, isInUse } = await setUp(t)
  for (let times = 0; times < 3; times++) {
    await redis.kill()
    await patrol.round()
    await patrol.change()
    await patrol.crowd()
    await untilIn('told that it went', RECOVERY_MS, () => log.changes.at(-1) === GONE)
    await redis.restart({ empty: true })
    await untilIn('Redis is in use again', RECOVERY_MS, isInUse)
  }
  t.same(log.changes, [GONE, COME, GONE, COME, GONE, COME])
  t.same(log.complaints, [])
  t.same(patrol.wrong.slice(0, 5), [])
})
