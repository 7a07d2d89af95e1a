import t from 'tap'
import { soak } from '../support/soak.ts'
import { untilIn } from '../support/until.ts'
import { AVAILABLE, UNAVAILABLE } from './log.ts'
import { RECOVERY_MS } from './survive-fault.ts'
import { type Fault, setUp, testFaults } from './world.ts'

/** Redis, or its machine, is gone for a while. */
const KILLED: Fault[] = [
  {
    name: 'Redis is killed and comes back with an old dump',
    async inject ({ redis }) {
      await redis.save()
      await redis.kill()
    },
    recover: ({ redis }) => redis.restart(),
    logs: 'both'
  }
]
const OTHERS: Fault[] = [
  {
    name: 'Redis hangs',
    inject: ({ redis }) => redis.stop(),
    recover: ({ redis }) => redis.goOn(),
    logs: 'both'
  },
  {
    name: 'Redis is killed and comes back empty',
    inject: ({ redis }) => redis.kill(),
    recover: ({ redis }) => redis.restart({ empty: true }),
    logs: 'both'
  }
]

testFaults(t, soak([...KILLED, ...OTHERS], KILLED), soak(10, 3))

t.test('each outage and each recovery is logged once', { skip: soak(false, true) }, async (t) => {
  const { redis, traffic, log, usesRedis } = await setUp(t)
  for (let times = 0; times < 3; times++) {
    await redis.kill()
    await traffic.readAll()
    await traffic.write()
    await traffic.burst()
    await untilIn('the outage is logged', RECOVERY_MS, () => log.changes.at(-1) === UNAVAILABLE)
    await redis.restart({ empty: true })
    await untilIn('Redis is in use again', RECOVERY_MS, usesRedis)
  }
  t.same(log.changes, [UNAVAILABLE, AVAILABLE, UNAVAILABLE, AVAILABLE, UNAVAILABLE, AVAILABLE])
  t.same(log.warnings, [])
  t.same(traffic.errors.slice(0, 5), [])
})
