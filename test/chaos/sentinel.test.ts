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
import { endure, RECOVERY_MS, type Trial } from './endure.ts'
import { COME, GONE, Log } from './log.ts'
import { Patrol } from './patrol.ts'
import { databaseOf, openTruth, stock } from './service.ts'
import { untilIn } from '../support/until.ts'
import { inUse } from './world.ts'

interface FailOver {
  name: string
  /** What a client needs in order to notice. */
  options: Pick<RedisOptions, 'socketTimeout' | 'failoverDetector'>
  strike (redis: RedisSentinel): unknown
  told: Trial['told']
}

/** The replica takes over: what had not reached it is gone, and what was deleted may be there again. */
const FAULTS: FailOver[] = [
  { name: 'fail-over, since the master was killed', options: {}, strike: ({ first }) => first.kill(), told: 'both' },
  { name: 'fail-over, since the master hangs', options: { socketTimeout: 500 }, strike: ({ first }) => first.stop(), told: 'both' },
  { name: 'fail-over from a master that is well', options: { failoverDetector: true }, strike: (redis) => redis.failOver(), told: 'either' }
]

/** The name of the application's connections. */
const APP = 'app'

/** An application of somebody else, whose Redis is the one that the sentinel names. */
async function startApp (t: Test, { sentinels, name }: RedisSentinel, options: FailOver['options'], path: string, log: Log): Promise<FastifyInstance> {
  const app = Fastify({ logger: { stream: log.stream } })
  const client = new Redis({ sentinels, name, connectionName: APP, sentinelRetryStrategy: () => 100, retryStrategy: () => 100, ...options })
  client.on('error', () => {}) // the store tells
  const database = openDatabase(`file:${path}`)
  const store = redisStore({
    client,
    onStateChange: (up, err) => up ? app.log.info(COME) : app.log.warn({ err }, GONE)
  })
  const cache = createCache({ store, versions: database.versions })
  app.addHook('onClose', async () => {
    await cache.close()
    client.disconnect()
    database.close()
  })
  await app.register(validation)
  await app.register(views)
  await app.register(pageCache, { cache })
  await app.register(products, { database, cache, now: Date.now })
  await app.register(apicalls, { url: undefined, delay: 0, ttl: 300, now: Date.now })
  t.teardown(() => app.close())
  return app
}

/** Whether the application has a connection there, beside those that subscribe. */
async function isAt (redis: RestartableRedis): Promise<boolean> {
  const connections = await redis.ask((client) => client.call('CLIENT', 'LIST', 'TYPE', 'normal'))
  return String(connections).includes(` name=${APP} `)
}

for (const { name, options, strike, told } of FAULTS) {
  t.test(name, async (t) => {
    const redis = await startRedisSentinel(t)
    const log = new Log()
    const path = databaseOf(t)
    const app = await startApp(t, redis, options, path, log)
    const truth = openTruth(t, path)
    stock(truth)
    const patrol = new Patrol({ app, truth })
    await endure(t, { log, patrol, isInUse: inUse(patrol, redis.master) }, {
      name,
      strike: () => strike(redis),
      // It is over when the other has taken over, and the application has come to it.
      heal: () => untilIn('the application has another master', RECOVERY_MS, async () => {
        await patrol.round()
        return await redis.master() === redis.second && await isAt(redis.second)
      }),
      told
    })
    t.equal(await redis.master(), redis.second)
  })
}
