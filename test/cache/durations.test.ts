import t from 'tap'
import {
  createCache, type GetOrSetOptions, memoryStore, memoryVersions, redisStore, type RedisStoreOptions, tieredStore
} from '../../src/cache/index.ts'
import { fakeClock } from '../support/clock.ts'

t.test('a duration is a number of seconds or a text with a unit', async (t) => {
  const { now, advance } = fakeClock()
  const cache = createCache({ store: memoryStore({ now }), ttl: '1h', now })
  await cache.set('a', 1)
  t.equal(await cache.ttl('a'), 3600)
  await cache.set('a', 1, { ttl: '1.5m' })
  t.equal(await cache.ttl('a'), 90)
  for (const [text, seconds] of [['0.5h', 1800], ['00.5m', 30], ['.5m', 30], ['0.05m', 3]] as const) {
    await cache.touch('a', text)
    t.equal(await cache.ttl('a'), seconds, text)
  }
  await cache.touch('a', ' 2 minutes ')
  t.equal(await cache.ttl('a'), 120)
  await cache.touch('a', 7)
  t.equal(await cache.ttl('a'), 7)
  const options: GetOrSetOptions = { ttl: '10s', staleIfError: '1m' }
  t.equal(await cache.getOrSet('b', () => 'fresh', options), 'fresh')
  t.strictSame(options, { ttl: '10s', staleIfError: '1m' }, 'the options of the caller stay as they are')
  advance(11)
  t.equal(await cache.getOrSet('b', () => { throw new Error('down') }, options), 'fresh')
  advance(60)
  await t.rejects(cache.getOrSet('b', () => { throw new Error('down') }, options), { message: 'down' })
  await cache.set('a', 1, { ttl: '0s' })
  t.equal(await cache.get('a'), undefined)
  await cache.getOrSet('c', ({ setTtl }) => { setTtl('1d') })
  t.equal(await cache.getOrSet('c', ({ setTtl }) => { setTtl('1d'); return 1 }), 1)
  t.equal(await cache.ttl('c'), 86_400)
})

t.test('a text without a known unit is not a duration', async (t) => {
  const cache = createCache({ store: memoryStore() })
  for (const ttl of ['5', '', 'm', '5 parsecs', 'soon', '5m!', '0.0.5h', '0x1s']) {
    await t.rejects(cache.set('a', 1, { ttl }), {
      code: 'FST_ERR_LARDER_OPTION',
      message: 'The value of ttl must be a number of seconds, a text such as "5m", or null, ' +
        `but is ${JSON.stringify(ttl)}.`
    })
  }
})

t.test('options that do not exist are refused, with the nearest one', async (t) => {
  const store = memoryStore()
  const throws = (work: () => unknown, message: string) => t.throws(work, { code: 'FST_ERR_LARDER_OPTION', message })
  throws(() => createCache({ store, tll: 5 } as never), 'createCache() has no option tll. Did you mean ttl?')
  throws(() => memoryStore({ maxByte: 5 } as never), 'memoryStore() has no option maxByte. Did you mean maxBytes?')
  throws(() => memoryVersions({ maxTag: 5 } as never), 'memoryVersions() has no option maxTag. Did you mean maxTags?')
  throws(() => tieredStore({ near: store, fat: store } as never), 'tieredStore() has no option fat. Did you mean far?')
  throws(() => redisStore({ redis: 5 } as unknown as RedisStoreOptions), 'redisStore() has no option redis.')
  const cache = createCache({ store })
  const rejects = (work: Promise<unknown>, message: string) =>
    t.rejects(work, { code: 'FST_ERR_LARDER_OPTION', message })
  await rejects(cache.set('a', 1, { expires: 5 } as never), 'set() has no option expires.')
  await rejects(cache.setMany([], { tag: [] } as never), 'setMany() has no option tag. Did you mean tags?')
  await rejects(cache.add('a', 1, { tll: 5 } as never), 'add() has no option tll. Did you mean ttl?')
  await rejects(cache.getOrSet('a', ({ skipStore }) => skipStore({ stale: true } as never)),
    'skipStore() has no option stale.')
  await rejects(cache.getOrSet('a', () => 1, { old: 5 } as never), 'getOrSet() has no option old.')
  const misspelt = { shard: true } as never
  await rejects(cache.getOrSet('a', () => 1, misspelt), 'getOrSet() has no option shard. Did you mean shared?')
})

t.test('maxStaleness is a number of milliseconds or a text with a unit', async (t) => {
  const { checksAtOnce: _, ...versions } = memoryVersions()
  const cache = createCache({ store: memoryStore(), versions })
  for (const [maxStaleness, expected] of [['1h', 1], [3_600_000, 1], [1e-6, 2], [0, 2]] as const) {
    await cache.set('a', 1, { tags: ['x'] })
    await cache.getOrSet('a', () => 2, { maxStaleness })
    await versions.invalidate(['x'])
    t.equal(await cache.getOrSet('a', () => 2, { maxStaleness }), expected, String(maxStaleness))
  }
  for (const maxStaleness of [-1, Infinity, '50', null] as number[]) {
    await t.rejects(cache.getOrSet('a', () => 1, { maxStaleness }), {
      code: 'FST_ERR_LARDER_OPTION', message: /maxStaleness must be a number of milliseconds, zero or more, or a text/
    })
  }
})
