import t from 'tap'
import type { LoadContext } from '../../../../src/cache/index.ts'
import { failingLoader } from '../../../support/failing-loader.ts'
import { listen } from '../../../support/record-events.ts'
import { fallibleProcess } from './set-up.ts'

/* Stale modes while L2 is unavailable. */

const options = { ttl: 5, staleWhileRevalidate: 20, staleIfError: 60 }

t.test('staleWhileRevalidate serves the expired entry, while one load refreshes it', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess()
  const listener = listen(t, cache)
  far.isDown = true
  await cache.getOrSet('key', () => 'old', options)
  advance(5)
  t.equal(await cache.getOrSet('key', () => 'new', options), 'old')
  await listener.heard('set', 2)
  t.equal(await cache.getOrSet('key', failingLoader, options), 'new')
})

t.test('staleIfError serves it if the load fails, and waits before it loads again', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess()
  far.isDown = true
  const sie = { ttl: 5, staleIfError: 60 }
  await cache.getOrSet('key', () => 'old', sie)
  advance(5)
  t.equal(await cache.getOrSet('key', failingLoader, sie), 'old')
  t.equal(await cache.getOrSet('key', () => 'too early', sie), 'old')
  advance(1)
  t.equal(await cache.getOrSet('key', () => 'new', sie), 'new')
})

t.test('they begin at the end of outageTtl, if that is earlier', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess()
  far.isDown = true
  const sie = { ttl: 300, staleIfError: 20 }
  await cache.getOrSet('key', () => 'old', sie)
  await cache.getOrSet('eternal', () => 'old', { ttl: null })
  advance(29.999)
  t.equal(await cache.getOrSet('key', failingLoader, sie), 'old')
  t.equal(await cache.get('eternal'), undefined)
  advance(0.001)
  await t.rejects(cache.getOrSet('key', failingLoader, sie), { message: 'upstream down' })
})

t.test('a load without a value to store drops the stale one', async (t) => {
  const { mine: cache, far, advance } = fallibleProcess()
  far.isDown = true
  await cache.getOrSet<unknown>('key', () => 'old', options)
  advance(30)
  await cache.getOrSet('key', ({ skipStore }: LoadContext) => { skipStore() }, options)
  await t.rejects(cache.getOrSet('key', failingLoader, options), { message: 'upstream down' })
})
