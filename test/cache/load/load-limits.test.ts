import t from 'tap'
import {
  createCache, type Entry, type LoadFunction, memoryStore, type Store, tieredStore
} from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { failingLoader } from '../../support/failing-loader.ts'
import { heapUsed } from '../../support/heap.ts'
import { withRedis } from '../../support/with-redis.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { listen } from '../../support/record-events.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'
import { soak } from '../../support/soak.ts'

const { clients } = await withRedis(t, 2)

let prefixes = 0
/** The number of keys of which none may leave anything in memory. */
const KEYS = soak(25_000, 10_000)

t.test('maxLoads: further loads return values, and are neither shared nor stored', async (t) => {
  const stores = {
    memory: () => memoryStore(),
    redis: () => patientRedisStore({ client: clients[0]!, prefix: `test${++prefixes}` }),
    tiered: () => tieredStore({ near: memoryStore(), far: memoryStore() })
  }
  for (const [name, makeStore] of Object.entries(stores)) {
    const store = makeStore()
    const cache = createCache({ store, maxLoads: 2 })
    const listener = listen(t, cache)
    const under = [deferredLoader(), deferredLoader()] as const
    const asked = [cache.getOrSet('a', under[0].load), cache.getOrSet('b', under[1].load)]
    await Promise.all(under.map(({ began }) => began))
    const joining = cache.getOrSet('a', () => t.fail('loaded again'))
    const beyond = [deferredLoader(), deferredLoader()] as const
    const more = beyond.map(({ load }) => cache.getOrSet('c', load))
    await Promise.all(beyond.map(({ began }) => began))
    for (const held of beyond) held.end('c')
    t.strictSame(await Promise.all(more), ['c', 'c'], name)
    t.match(
      listener.events.filter(({ type }) => type === 'refuse'), Array(2).fill({ key: 'c', reason: 'too-many-loads' })
    )
    t.equal(await cache.get('c'), undefined)
    // What failed, was answered, or refused counts no more.
    const failing = t.rejects(asked[1]!, { message: 'upstream down' })
    under[0].end('a')
    under[1].fail(new Error('upstream down'))
    t.strictSame(await Promise.all([asked[0], joining]), ['a', 'a'])
    await failing
    t.match(await cache.load('c', () => 'kept'), { stored: true })
    const [one, two] = [deferredLoader(), deferredLoader()]
    const again = [cache.getOrSet('d', one.load), cache.getOrSet('e', two.load)]
    await Promise.all([one.began, two.began])
    one.end('d')
    two.end('e')
    await Promise.all(again)
    t.equal((await cache.getMany(['a', 'c', 'd', 'e'])).size, 4, name)
    await cache.close()
  }
})

t.test('timeout counts from the start of the load if a stale value can be served', async (t) => {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore({ now: clock.now }), now: clock.now })
  const options = { ttl: 10, staleIfError: 1_000 }
  await cache.getOrSet('key', () => 'old', options)
  clock.advance(10)
  const held = deferredLoader()
  const first = cache.getOrSet('key', held.load, options)
  await held.began
  clock.advance(5)
  const began = performance.now()
  t.equal(await cache.getOrSet('key', held.load, { ...options, timeout: 5 }), 'old')
  t.ok(performance.now() - began < 1_000, 'at once')
  const patient = cache.getOrSet('key', held.load, { ...options, timeout: 500 })
  held.end('new')
  t.strictSame(await Promise.all([first, patient]), ['new', 'new'])
})

t.test('many keys that are loaded, waited for, failed and not stored leave nothing in memory', async (t) => {
  const memory = memoryStore({ maxBytes: 100_000 })
  let [looks, leases, watches] = [0, 0, 0]
  const store: Store = {
    ...memory,
    acquire (key) {
      const kept = memory.get(key) as Entry | undefined
      if (kept !== undefined) return kept
      if (++looks % 2 === 0) return { wait () { watches++; return { async next () {}, end () { watches-- } } } }
      leases++
      return {
        lease: {
          async fill (entry) {
            leases--
            return await memory.set(key, entry) ? 'stored' : 'too-large'
          },
          release () { leases-- }
        }
      }
    }
  }
  const cache = createCache({ store, maxLoads: 10 })
  const loads: Array<LoadFunction<unknown>> = [
    () => 1,
    async () => 1,
    failingLoader,
    ({ skipStore }) => { skipStore() },
    ({ addTags }) => { addTags('a'); return 1 }
  ]
  const ask = async (from: number, count: number) => {
    for (let i = from; i < from + count; i++) {
      const load = loads[i % loads.length]!
      const asked = [cache.getOrSet(`key ${i}`, load, { timeout: 10 }), cache.getOrSet(`key ${i}`, load)]
      await Promise.allSettled(asked)
    }
  }
  await ask(0, 5_000)
  const before = await heapUsed()
  await ask(5_000, KEYS)
  t.equal(leases, 0, 'each was filled or released')
  t.equal(watches, 0, 'each was ended')
  const grown = await heapUsed() - before
  // Less than 40 bytes for each key: its name and an item of a Map take twice as much.
  t.ok(grown < 40 * KEYS, 'bytes', { grown })
})
