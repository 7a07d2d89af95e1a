import Fastify, { type FastifyInstance } from 'fastify'
import { Redis, type RedisOptions } from 'ioredis'
import t, { type Test } from 'tap'
import { apicalls } from '../../src/apicalls/index.ts'
import { createCache, redisStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import validation from '../../src/plugins/validation.ts'
import views from '../../src/plugins/views.ts'
import { products } from '../../src/products/index.ts'
import { type RedisSentinel, startRedisSentinel } from '../support/redis-sentinel.ts'
import type { RestartableRedis } from '../support/restartable-redis.ts'
import { soak } from '../support/soak.ts'
import { untilIn } from '../support/until.ts'
import { AVAILABLE, Log, UNAVAILABLE } from './log.ts'
import { databasePath, insertProducts, openTruth } from './service.ts'
import { RECOVERY_MS, surviveFault, type Trial } from './survive-fault.ts'
import { TrafficGenerator } from './traffic-generator.ts'
import { redisUseCheck } from './world.ts'

interface FailOver {
  name: string
  /** Options that a client needs in order to notice. */
  options: Pick<RedisOptions, 'socketTimeout' | 'failoverDetector'>
  inject (redis: RedisSentinel): unknown
  logs: Trial['logs']
}

const KILLED: FailOver = {
  name: 'a replica takes over from a master that was killed',
  options: {},
  inject: ({ first }) => first.kill(),
  logs: 'both'
}
/** A replica takes over: writes that had not reached it are lost, and deleted keys may exist again. */
const FAULTS: FailOver[] = [
  KILLED,
  {
    name: 'a replica takes over from a master that hangs',
    options: { socketTimeout: 500 },
    inject: ({ first }) => first.stop(),
    logs: 'both'
  },
  {
    name: 'a replica takes over from a healthy master',
    options: { failoverDetector: true },
    inject: (redis) => redis.failOver(),
    logs: 'either'
  }
]

/** The name of the application's connections. */
const APP = 'app'

/** An application other than the service, which finds its Redis through Sentinel. */
async function startApp (
  t: Test, { sentinels, name }: RedisSentinel, options: FailOver['options'], path: string, log: Log
): Promise<FastifyInstance> {
  const app = Fastify({ logger: { stream: log.stream } })
  const client = new Redis({
    sentinels,
    name,
    connectionName: APP,
    sentinelRetryStrategy: () => 100,
    retryStrategy: () => 100,
    ...options
  })
  client.on('error', () => {}) // the store reports it
  const database = openDatabase(`file:${path}`)
  const store = redisStore({
    client,
    onStateChange: (up, err) => up ? app.log.info(AVAILABLE) : app.log.warn({ err }, UNAVAILABLE)
  })
  const cache = createCache({ store, versions: database.versions })
  app.addHook('onClose', async () => {
    await cache.close()
    client.disconnect()
    await database.close()
  })
  await app.register(validation)
  await app.register(views)
  await app.register(pageCache, { cache })
  await app.register(products, { database, cache, now: Date.now })
  await app.register(apicalls, { url: undefined, delay: 0, ttl: 300, now: Date.now })
  t.teardown(() => app.close())
  return app
}

/** Whether the application has a connection to it, apart from those that subscribe. */
async function isConnected (redis: RestartableRedis): Promise<boolean> {
  const connections = await redis.ask((client) => client.call('CLIENT', 'LIST', 'TYPE', 'normal'))
  return String(connections).includes(` name=${APP} `)
}

for (const { name, options, inject, logs } of soak(FAULTS, [KILLED])) {
  t.test(name, async (t) => {
    const redis = await startRedisSentinel(t)
    const log = new Log()
    const path = databasePath(t)
    const app = await startApp(t, redis, options, path, log)
    const truth = openTruth(t, path)
    insertProducts(truth)
    const traffic = new TrafficGenerator({ app, truth })
    await surviveFault(t, { log, traffic, usesRedis: redisUseCheck(traffic, log, redis.master) }, {
      name,
      inject: () => inject(redis),
      // The fault has ended when the replica has taken over and the application is connected to it.
      recover: () => untilIn('the application has another master', RECOVERY_MS, async () => {
        await traffic.readAll()
        return await redis.master() === redis.second && await isConnected(redis.second)
      }),
      logs,
      rounds: soak(10, 3)
    })
    t.equal(await redis.master(), redis.second)
  })
}
