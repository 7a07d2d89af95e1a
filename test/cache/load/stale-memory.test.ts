import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { heapUsed } from '../../support/heap.ts'

/** Reads of a stale value; each must leave next to nothing behind, whatever happens to the load. */
const READS = 20_000
const MAX_BYTES_PER_READ = 50

const ways = {
  'while a background refresh hangs': { ttl: 10, staleWhileRevalidate: 1_000 },
  'in place of a load that hangs': { ttl: 10, staleIfError: 1_000, timeout: 0 }
}

for (const [name, options] of Object.entries(ways)) {
  t.test(`a stale value that is served ${name} allocates nothing that lasts`, async (t) => {
    const { now, advance } = fakeClock()
    const cache = createCache({ store: memoryStore({ now }), now })
    await cache.getOrSet('key', () => 'stale', { ...options, timeout: 60 })
    advance(10)
    const held = deferredLoader<string>()
    let wrong = 0
    const read = async () => {
      if (await cache.getOrSet('key', held.load, options) !== 'stale') wrong++
    }
    const readMany = async (times: number) => {
      for (let i = 0; i < times; i += 100) await Promise.all(Array.from({ length: 100 }, read))
    }
    await readMany(1_000)
    const before = await heapUsed()
    await readMany(READS)
    const bytes = (await heapUsed() - before) / READS
    t.equal(wrong, 0)
    t.equal(held.runs(), 1)
    t.ok(bytes < MAX_BYTES_PER_READ, `${bytes.toFixed(1)} bytes for each reader`)
    held.end('new')
  })
}
