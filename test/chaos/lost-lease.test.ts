import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { type RestartableRedis, startRestartableRedis } from '../support/restartable-redis.ts'
import { soak } from '../support/soak.ts'
import { type Service, startService } from './service.ts'
import { formatMs, MAX_EXTRA_MS } from './survive-fault.ts'

/** Milliseconds that the upstream takes, and after how many of them the fault begins. */
const UPSTREAM_MS = 500
const FAULT_MS = 150
/** Milliseconds for which a lease outlives its holder. */
const LEASE_MS = 2_000

interface Fault {
  name: string
  inject (redis: RestartableRedis, holder: Proxy): unknown
  /** Milliseconds that the waiting process may take. */
  bound: number
}

const KILLED: Fault = { name: 'Redis is killed', inject: (redis) => redis.kill(), bound: FAULT_MS + UPSTREAM_MS }

// The waiting process detects the first three, and loads the page itself.
const FAULTS: Fault[] = [
  KILLED,
  { name: 'Redis hangs', inject: (redis) => redis.stop(), bound: FAULT_MS + UPSTREAM_MS },
  { name: 'Redis loses all keys', inject: (redis) => redis.flush(), bound: FAULT_MS + UPSTREAM_MS },
  // No other process can tell this from a holder that has died.
  { name: 'the loading process is cut off', inject: (_, holder) => holder.blackHole(), bound: LEASE_MS + UPSTREAM_MS }
]

async function get ({ app }: Service): Promise<number> {
  const startedAt = performance.now()
  const { statusCode, body } = await app.inject('/apicalls')
  if (statusCode !== 200 || !body.includes('Results received!')) throw new Error(`${statusCode} ${body}`)
  return performance.now() - startedAt
}

/** Attempts to have a load hold the lease. On a busy machine the first command may miss its deadline. */
const MAX_ATTEMPTS = 10

/** Starts a load that holds the lease of its key, and returns how long it takes. */
async function startLoad (service: Service, redis: RestartableRedis): Promise<() => Promise<number>> {
  for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
    const loaded = get(service)
    const ended = loaded.then(() => true)
    let hasEnded = false
    while (!hasEnded && await redis.size() === 0) hasEnded = await Promise.race([ended, sleep(5, false)])
    if (!hasEnded) return async () => await loaded
  }
  throw new Error('no load has held the lease')
}

t.jobs = FAULTS.length // they do little but wait

for (const { name, inject, bound } of soak(FAULTS, [KILLED])) {
  t.test(`while one process waits for a load of another, ${name}`, { buffered: true }, async (t: Test) => {
    const redis = await startRestartableRedis(t)
    const proxy = await startProxy(t, redis.port)
    const env = { HTTPBIN_DELAY: String(UPSTREAM_MS / 1000) }
    const loading = await startService(t, proxy.url, { env })
    const waiting = await startService(t, redis.url, { path: loading.path, env })

    const loaded = await startLoad(loading, redis)
    const waited = get(waiting)
    await sleep(FAULT_MS)
    await inject(redis, proxy)
    const [first, second] = await Promise.all([loaded(), waited])
    t.comment(`${name} | the loading process takes ${formatMs(first)} | the waiting one ${formatMs(second)}`)
    t.ok(first < UPSTREAM_MS + MAX_EXTRA_MS, `the loading process takes ${formatMs(first)}`)
    t.ok(second < bound + MAX_EXTRA_MS, `the waiting process takes ${formatMs(second)}`)
  })
}
