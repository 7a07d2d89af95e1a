import t from 'tap'
import { untilIn } from '../support/until.ts'
import { UNAVAILABLE } from './log.ts'
import { RECOVERY_MS } from './survive-fault.ts'
import { type Fault, setUp } from './world.ts'

/** Redis is unavailable, and L1 takes its place. */
const OUTAGES: Array<Pick<Fault, 'name' | 'inject' | 'recover'>> = [
  {
    name: 'Redis is killed',
    inject: ({ redis }) => redis.kill(),
    recover: ({ redis }) => redis.restart({ empty: true })
  },
  {
    name: 'Redis hangs',
    inject: ({ redis }) => redis.stop(),
    recover: ({ redis }) => redis.goOn()
  }
]

for (const { name, inject, recover } of OUTAGES) {
  t.test(`${name}: pages and lists are loaded once, and L1 serves them until Redis has recovered`, async (t) => {
    const world = await setUp(t)
    const { traffic, log, usesRedis } = world
    await untilIn('Redis is in use', RECOVERY_MS, usesRedis)
    await inject(world)
    await untilIn('the outage is logged', RECOVERY_MS, async () => {
      await traffic.write()
      await traffic.readAll()
      return log.changes.at(-1) === UNAVAILABLE
    })
    // The first read loads, at the latest.
    await traffic.readAll()
    const hits = []
    for (let i = 0; i < 20; i++) hits.push(await traffic.readSlowPage() && await traffic.readList())
    t.same(hits, Array(20).fill(true), 'all others are hits')
    for (let i = 0; i < 5; i++) {
      await traffic.write()
      t.equal(await traffic.readList(), false, 'a change is seen at once')
      t.equal(await traffic.readList(), true, 'and the new list is stored')
    }
    await traffic.writeAll()
    await recover!(world)
    await untilIn('Redis is in use again', RECOVERY_MS, async () => {
      await traffic.readAll()
      return await usesRedis()
    })
    await traffic.writeAll()
    await traffic.burst()
    t.same(traffic.errors.slice(0, 5), [], 'every response is right')
    t.same(log.warnings, [])
  })
}
