import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { type RestartableRedis, startRestartableRedis } from '../support/restartable-redis.ts'
import { MOST_MS, ms } from './endure.ts'
import { type Service, startService } from './service.ts'

/** Milliseconds that the upstream takes, and after how many of them Redis goes. */
const UPSTREAM_MS = 500
const GONE_MS = 150
/** Milliseconds for which a lease outlives its holder. */
const LEASE_MS = 2_000

interface Loss {
  name: string
  strike (redis: RestartableRedis, holders: Proxy): unknown
  /** Milliseconds that who waits may take. */
  bound: number
}

const LOSSES: Loss[] = [
  // Who waits hears of it, and asks the upstream itself.
  { name: 'Redis is killed', strike: (redis) => redis.kill(), bound: GONE_MS + UPSTREAM_MS },
  { name: 'Redis hangs', strike: (redis) => redis.stop(), bound: GONE_MS + UPSTREAM_MS },
  { name: 'Redis forgets all', strike: (redis) => redis.flush(), bound: GONE_MS + UPSTREAM_MS },
  // Nobody can tell this from a holder that died.
  { name: 'the one who loads is cut off', strike: (_, holders) => holders.blackHole(), bound: LEASE_MS + UPSTREAM_MS }
]

async function get ({ app }: Service): Promise<number> {
  const began = performance.now()
  const { statusCode, body } = await app.inject('/apicalls')
  if (statusCode !== 200 || !body.includes('Results received!')) throw new Error(`${statusCode} ${body}`)
  return performance.now() - began
}

t.jobs = LOSSES.length // they do little but wait

for (const { name, strike, bound } of LOSSES) {
  t.test(`while one process waits for what another loads, ${name}`, { buffered: true }, async (t: Test) => {
    const redis = await startRestartableRedis(t)
    const proxy = await startProxy(t, redis.port)
    const env = { HTTPBIN_DELAY: String(UPSTREAM_MS / 1000) }
    const loads = await startService(t, proxy.url, { env })
    const waits = await startService(t, redis.url, { path: loads.path, env })

    const loaded = get(loads)
    while (await redis.size() === 0) await sleep(5)
    const waited = get(waits)
    await sleep(GONE_MS)
    await strike(redis, proxy)
    const [first, second] = await Promise.all([loaded, waited])
    t.comment(`${name} | who loads takes ${ms(first)} | who waits takes ${ms(second)}`)
    t.ok(first < UPSTREAM_MS + MOST_MS, `who loads takes ${ms(first)}`)
    t.ok(second < bound + MOST_MS, `who waits takes ${ms(second)}`)
  })
}
