import t, { type Test } from 'tap'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { type RestartableRedis, startRestartableRedis } from '../support/restartable-redis.ts'
import { MEDIAN_MS, MOST_MS, ms, RECOVERY_MS } from './endure.ts'
import { COME, GONE } from './log.ts'
import { median, Patrol } from './patrol.ts'
import { startService, stock } from './service.ts'
import { untilIn } from '../support/until.ts'
import { inUse } from './world.ts'

/** Milliseconds for which a start waits for Redis. */
const START_MS = 1_000
/** Milliseconds that a start takes by itself, on a slow machine. */
const SLACK_MS = 4_000
/** Rounds of requests without Redis. */
const ROUNDS = 10

interface Absence {
  name: string
  options?: string[]
  leave (redis: RestartableRedis, proxy: Proxy): unknown
  come (redis: RestartableRedis, proxy: Proxy): unknown
}

/** Ways in which Redis is not there when the service starts. */
const ABSENCES: Absence[] = [
  { name: 'not started', leave: (redis) => redis.kill(), come: (redis) => redis.restart({ empty: true }) },
  { name: 'hanging', leave: (redis) => redis.stop(), come: (redis) => redis.goOn() },
  { name: 'out of reach', leave: (_, proxy) => proxy.blackHole(), come: (_, proxy) => proxy.pass() },
  // It connects, which is all that the start waits for.
  { name: 'slow', leave: (_, proxy) => proxy.delay(100), come: (_, proxy) => proxy.pass() },
  {
    name: 'locked',
    options: ['--requirepass', 'secret'],
    leave () {},
    come: (redis) => redis.ask((client) => client.config('SET', 'requirepass', ''), 'secret')
  }
]

// One after the other: services that start at the same time take each other's time, which would count as an outage.
for (const { name, options = [], leave, come } of ABSENCES) {
  t.test(`Redis is ${name} when the service starts`, async (t: Test) => {
    const redis = await startRestartableRedis(t, ...options)
    const proxy = await startProxy(t, redis.port)
    await leave(redis, proxy)
    const began = performance.now()
    const service = await startService(t, proxy.url)
    const start = performance.now() - began
    t.ok(start < START_MS + SLACK_MS, `the start took ${ms(start)}`)

    stock(service.truth)
    const patrol = new Patrol(service)
    const isInUse = inUse(patrol, () => redis)
    patrol.phase = 'away'
    for (let i = 0; i < ROUNDS; i++) await patrol.round()
    await patrol.changes()
    await patrol.crowd()
    await untilIn('told that Redis is away', RECOVERY_MS, () => service.log.changes.length > 0)
    t.same(service.log.changes, [GONE], 'no line for a request')

    patrol.phase = 'healed'
    await come(redis, proxy)
    const recovery = await untilIn('Redis is in use', RECOVERY_MS, isInUse)
    t.same(service.log.changes, [GONE, COME])
    patrol.phase = 'well'
    await patrol.changes()
    for (let i = 0; i < ROUNDS; i++) await patrol.round()

    const away = patrol.extra('away')
    t.comment([
      `${name} at the start`, `started after ${ms(start)}`, `then ${ms(median(away))}, at most ${ms(away.at(-1))}`, `in use after ${ms(recovery)}`,
      `${service.log.changes.length} lines`, ...service.log.reasons
    ].join(' | '))
    t.same(patrol.wrong.slice(0, 5), [], 'every answer is right')
    t.ok(away.at(-1)! < MOST_MS, `no answer takes long: ${patrol.slowest('away')}`)
    t.ok(median(away) < MEDIAN_MS, `nobody waits for a Redis that is not there: ${ms(median(away))}`)
    t.same(service.log.complaints, [], 'nothing else is worth a line')
  })
}
