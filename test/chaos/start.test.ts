import t, { type Test } from 'tap'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { type RestartableRedis, startRestartableRedis } from '../support/restartable-redis.ts'
import { soak } from '../support/soak.ts'
import { untilIn } from '../support/until.ts'
import { AVAILABLE, UNAVAILABLE } from './log.ts'
import { insertProducts, startService } from './service.ts'
import { formatMs, MAX_EXTRA_MS, MAX_MEDIAN_MS, RECOVERY_MS } from './survive-fault.ts'
import { median, TrafficGenerator } from './traffic-generator.ts'
import { redisUseCheck } from './world.ts'

/** Milliseconds for which a start waits for Redis. */
const START_MS = 1_000
/** Milliseconds that a start takes by itself, on a slow machine. */
const SLACK_MS = 4_000
/** Rounds of requests without Redis, and with it: the first ones run code that is not compiled yet. */
const ROUNDS = 10

interface Absence {
  name: string
  options?: string[]
  inject (redis: RestartableRedis, proxy: Proxy): unknown
  recover (redis: RestartableRedis, proxy: Proxy): unknown
}

const HANGS: Absence = { name: 'hangs', inject: (redis) => redis.stop(), recover: (redis) => redis.goOn() }

/** Ways in which Redis is unavailable when the service starts. */
const ABSENCES: Absence[] = [
  { name: 'is not started', inject: (redis) => redis.kill(), recover: (redis) => redis.restart({ empty: true }) },
  HANGS,
  { name: 'is unreachable', inject: (_, proxy) => proxy.blackHole(), recover: (_, proxy) => proxy.pass() },
  // The client connects, and the start waits for nothing else.
  { name: 'is slow', inject: (_, proxy) => proxy.delay(100), recover: (_, proxy) => proxy.pass() },
  {
    name: 'requires a password',
    options: ['--requirepass', 'secret'],
    inject () {},
    recover: (redis) => redis.ask((client) => client.config('SET', 'requirepass', ''), 'secret')
  }
]

// One after the other: services that start at once slow each other down, which would look like an outage.
for (const { name, options = [], inject, recover } of soak(ABSENCES, [HANGS])) {
  t.test(`Redis ${name} when the service starts`, async (t: Test) => {
    const redis = await startRestartableRedis(t, ...options)
    const proxy = await startProxy(t, redis.port)
    await inject(redis, proxy)
    const startedAt = performance.now()
    const service = await startService(t, proxy.url)
    const startMs = performance.now() - startedAt
    t.ok(startMs < START_MS + SLACK_MS, `the start took ${formatMs(startMs)}`)

    insertProducts(service.truth)
    const traffic = new TrafficGenerator(service)
    const usesRedis = redisUseCheck(traffic, service.log, () => redis)
    traffic.phase = 'unavailable'
    for (let i = 0; i < ROUNDS; i++) await traffic.readAll()
    await traffic.writeAll()
    await traffic.burst()
    await untilIn('the log says that Redis is unavailable', RECOVERY_MS, () => service.log.changes.length > 0)
    t.same(service.log.changes, [UNAVAILABLE], 'requests add no lines')

    traffic.phase = 'recovered'
    await recover(redis, proxy)
    const recoveryMs = await untilIn('Redis is in use', RECOVERY_MS, usesRedis)
    t.same(service.log.changes, [UNAVAILABLE, AVAILABLE])
    traffic.phase = 'healthy'
    await traffic.writeAll()
    for (let i = 0; i < ROUNDS; i++) await traffic.readAll()

    const unavailable = traffic.extraMs('unavailable')
    t.comment([
      `Redis ${name} at the start`,
      `started after ${formatMs(startMs)}`,
      `unavailable: median ${formatMs(median(unavailable))}, at most ${formatMs(unavailable.at(-1))}`,
      `in use after ${formatMs(recoveryMs)}`,
      `${service.log.changes.length} lines`,
      ...service.log.reasons
    ].join(' | '))
    t.same(traffic.errors.slice(0, 5), [], 'every response is right')
    t.ok(unavailable.at(-1)! < MAX_EXTRA_MS, `no response takes long: ${traffic.slowest('unavailable')}`)
    t.ok(median(unavailable) < MAX_MEDIAN_MS, `requests do not wait for Redis: ${formatMs(median(unavailable))}`)
    t.same(service.log.warnings, [], 'no other warning is logged')
  })
}
