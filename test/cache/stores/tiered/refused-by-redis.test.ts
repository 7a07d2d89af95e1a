import { Redis } from 'ioredis'
import t from 'tap'
import { createCache, memoryStore, tieredStore } from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'
import { freePort } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'
import { withRedis } from '../../../support/with-redis.ts'
import { newPrefix } from './set-up.ts'

/* A Redis that answers reads and refuses writes. */

const { client, url } = await withRedis(t)
await client.acl('SETUSER', 'admin', 'on', '>admin', 'allcommands', 'allkeys', 'allchannels')
const admin = new Redis(url, { username: 'admin', password: 'admin' })
t.teardown(() => admin.disconnect())
const port = await freePort()

const refusals: Record<string, [begin: () => Promise<unknown>, end: () => Promise<unknown>]> = {
  'since its memory is full': [
    () => admin.config('SET', 'maxmemory', '1'), () => admin.config('SET', 'maxmemory', '0')
  ],
  'as a replica': [
    () => admin.replicaof('127.0.0.1', port), () => admin.replicaof('NO', 'ONE')
  ],
  'since it has too few replicas': [
    () => admin.config('SET', 'min-replicas-to-write', '1'), () => admin.config('SET', 'min-replicas-to-write', '0')
  ],
  'since its user may only read': [
    () => admin.acl('SETUSER', 'default', '-@write'), () => admin.acl('SETUSER', 'default', '+@all')
  ]
}

async function newProcess (prefix: string, now: () => number) {
  const far = patientRedisStore({ client, prefix, now })
  const cache = createCache({ store: tieredStore({ near: memoryStore({ now }), far, now }), now })
  await until('the backplane has caught up', () => far.backplane!.caughtUpTo > -Infinity)
  return cache
}

for (const [reason, [begin, end]] of Object.entries(refusals)) {
  t.test(`while Redis refuses writes ${reason}, L1 stores entries for outageTtl`, async (t) => {
    const prefix = newPrefix()
    const { now, advance } = fakeClock()
    const [mine, theirs] = [await newProcess(prefix, now), await newProcess(prefix, now)]
    t.teardown(() => Promise.all([mine.close(), theirs.close()]))
    await mine.setMany([['deleted', 'old'], ['tagged', 'old']], { tags: ['x'] })
    let runs = 0
    const load = () => ++runs
    await begin()
    t.equal(await mine.getOrSet('loaded', load), 1)
    t.equal(await mine.getOrSet('loaded', load), 1)
    t.equal(await mine.getOrSet('with a tag', load, { tags: ['y'] }), 2)
    t.equal(await mine.getOrSet('with a tag', load, { tags: ['y'] }), 2)
    advance(10)
    t.equal(await mine.getOrSet('loaded', load), 3)
    await mine.set('set', 'value')
    t.equal(await mine.get('set'), 'value')
    await mine.delete('deleted').catch(() => {})
    await t.rejects(mine.invalidateTags(['x', 'y']))
    t.equal((await mine.getMany(['deleted', 'tagged', 'with a tag'])).size, 0)
    t.equal(await mine.getOrSet('with a tag', load, { tags: ['y'] }), 4)
    t.equal(await mine.get('with a tag'), 4)
    await end()

    advance(10)
    await until('Redis takes writes', async () => await mine.getOrSet('loaded', load) === await theirs.get('loaded'))
    t.equal((await mine.getMany(['deleted', 'tagged', 'with a tag'])).size, 0)
    t.equal((await theirs.getMany(['deleted', 'tagged', 'with a tag'])).size, 0, 'nor in other processes')
  })
}
