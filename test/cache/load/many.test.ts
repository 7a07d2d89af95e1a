import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { createMemoryCache } from '../../support/create-memory-cache.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { createProcesses } from '../../support/lease-processes.ts'
import { listen } from '../../support/record-events.ts'

const loadAll = (value: string) => (keys: string[]) => keys.map((key) => [key, `${key} of ${value}`] as const)

t.test('getOrSetMany of several processes loads each key once', async (t) => {
  const { mine, theirs, waiting } = createProcesses(t)
  const held = deferredLoader<Map<string, string>>()
  const first = mine.getOrSetMany(['key', 'a'], () => held.load({} as never))
  await held.began
  const second = theirs.getOrSetMany(['key', 'a', 'b'], loadAll('theirs'))
  await waiting()
  held.end(new Map([['key', 'mine'], ['a', 'mine']]))
  t.strictSame([...await first], [['key', 'mine'], ['a', 'mine']])
  t.strictSame([...await second], [['key', 'mine'], ['a', 'mine'], ['b', 'b of theirs']])
})

t.test('getOrSetMany loads what another process failed to load', async (t) => {
  const { mine, theirs, waiting } = createProcesses(t)
  const held = deferredLoader<Map<string, string>>()
  const first = mine.getOrSetMany(['key', 'a'], () => held.load({} as never))
  await held.began
  const second = theirs.getOrSetMany(['key', 'b'], loadAll('theirs'))
  await waiting()
  held.fail(new Error('down'))
  await t.rejects(first, { message: 'down' })
  t.strictSame([...await second], [['key', 'key of theirs'], ['b', 'b of theirs']])
})

t.test('a load within a load of getOrSetMany does not wait for the load around both', async (t) => {
  const { cache } = createMemoryCache()
  const load = async (): Promise<string> => {
    const many = cache.getOrSetMany(['a', 'b'], async (keys) => {
      const inner = await cache.getOrSet<string>('outer', () => 'inner')
      return keys.map((key) => [key, `${key} with ${inner}`])
    })
    cache.set('a', 'stored meanwhile')
    return [...(await many).values()].join()
  }
  t.match(await cache.getOrSet('outer', load), /b with inner$/)
})

t.test('getOrSetMany refreshes ahead of expiry, and reports an error of that', async (t) => {
  const clock = fakeClock()
  const cache = createCache({ store: memoryStore({ now: clock.now }), now: clock.now, random: () => 0.5 })
  const options = { ttl: 10, refreshAhead: true }
  await cache.getOrSetMany(['a', 'b'], (keys) => {
    clock.advance(5)
    return loadAll('first')(keys)
  }, options)
  clock.advance(9.999)
  const listener = listen(t, cache)
  const fail = () => { throw new Error('down') }
  t.equal((await cache.getOrSetMany<string>(['a', 'b'], fail, options)).size, 2)
  await listener.heard('error', 2)
  t.match(listener.events.filter(({ type }) => type === 'error'), [
    { doing: 'refresh', error: { message: 'down' } }, { doing: 'refresh' }
  ])
})
