import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createCache, type LockStore, memoryStore, type Store, tieredStore } from '../../src/cache/index.ts'
import { listen } from '../support/record-events.ts'
import { patientRedisStore } from '../support/patient-redis-store.ts'
import { untilAborted } from '../support/until-aborted.ts'
import { withRedis } from '../support/with-redis.ts'

const { client } = await withRedis(t)
const STORES: Record<string, () => Store> = {
  memory: () => memoryStore(),
  redis: () => patientRedisStore({ client }),
  tiered: () => tieredStore({ near: memoryStore(), far: patientRedisStore({ client, prefix: 'tiered' }) })
}

for (const [name, makeStore] of Object.entries(STORES)) {
  t.test(`a lock whose holder hangs is free after its length, and the next token is greater (${name})`, async (t) => {
    const store = makeStore()
    const cache = createCache({ store })
    t.teardown(() => cache.close())
    const hanging = (await store.locks!.acquire('key', 20))!
    const token = await cache.lock('key', { wait: 5 }, async ({ token }) => {
      t.equal(await store.locks!.renew('key', hanging, 1_000), false)
      t.equal(await store.locks!.release('key', hanging), false)
      return token
    })
    t.ok(token > hanging)
    t.ok((await store.locks!.acquire('key', 20))! > token)
  })

  t.test(`a lock is renewed while its work goes on (${name})`, async (t) => {
    const cache = createCache({ store: makeStore() })
    t.teardown(() => cache.close())
    await cache.lock('long', { ttl: 0.8 }, async ({ signal }) => {
      await t.rejects(cache.lock('long', { wait: 1.2 }, () => {}), { code: 'FST_ERR_LARDER_LOCK_TIMEOUT' })
      t.equal(signal.aborted, false)
    })
  })
}

t.test('tokens go on increasing if Redis has lost the last one', async (t) => {
  const store = patientRedisStore({ client, prefix: 'lost' })
  t.teardown(() => store.close())
  const first = (await store.locks!.acquire('key', 1_000))!
  await client.del('lost#lock:key')
  t.ok((await store.locks!.acquire('key', 1_000))! > first)
})

/** A cache whose store has locks that fail. */
function setUp (failing: Partial<LockStore>) {
  const store = memoryStore()
  return createCache({ store: { ...store, locks: { ...store.locks!, ...failing } } })
}

t.test('the signal is aborted when another caller has acquired the lock', async (t) => {
  const cache = setUp({ renew: () => false })
  await cache.lock('key', { ttl: 0.03 }, async ({ signal }) => {
    await untilAborted(signal)
    t.match(signal.reason, { code: 'FST_ERR_LARDER_LOCK_LOST' })
  })
})

t.test('the signal is aborted when the lock ends, since the store does not answer in time', async (t) => {
  for (const isDown of [true, false]) {
    const slow = Promise.withResolvers<boolean>()
    const cache = setUp({ renew: async () => { if (isDown) throw new Error('down'); return await slow.promise } })
    t.equal(await cache.lock('key', { ttl: 0.03 }, async ({ signal }) => {
      await untilAborted(signal)
      slow.resolve(true)
      await sleep(1)
      return 'done'
    }), 'done')
  }
})

t.test('a lock that cannot be released is reported, and the work does not fail', async (t) => {
  const cache = setUp({ release: async () => { throw new Error('down') } })
  const { events } = listen(t, cache)
  t.equal(await cache.lock('key', {}, () => 'done'), 'done')
  t.match(events, [{ type: 'error', doing: 'unlock', error: { message: 'down' } }])
})

t.test('lock rejects if its store does not answer, or has no locks', async (t) => {
  const down = setUp({ acquire: async () => { throw new Error('down') } })
  await t.rejects(down.lock('key', {}, () => t.fail('no lock')), { message: 'down' })
  const { locks, ...store } = memoryStore()
  await t.rejects(createCache({ store }).lock('key', {}, () => 1), { message: 'The store "memory" has no locks.' })
})
