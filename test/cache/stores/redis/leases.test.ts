import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { type CacheAdapter, createCache, memoryVersions, type Miss } from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { failingLoader } from '../../../support/failing-loader.ts'
import { type DeferredLoader, deferredLoader } from '../../../support/deferred-loader.ts'
import { listen } from '../../../support/record-events.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'
import { createProcesses, client, recordCommands, commandsSent } from '../../../support/lease-processes.ts'

t.test('a hit is one GET; a load acquires its lease by one command and fills it by another', async (t) => {
  const { prefix, name } = createProcesses(t)
  // The stamps of memoryVersions need no command.
  const mine = createCache({ store: patientRedisStore({ client, prefix }), versions: memoryVersions() })
  await mine.getOrSet('other', () => 1) // Redis knows the scripts now
  const miss = await recordCommands(() => mine.getOrSet('key', () => 'value'))
  t.match(miss, [['get', name], ['EVALSHA', String, '1', name], ['EVALSHA', String, '1', name]])
  t.equal(miss.length, 3, JSON.stringify(miss))
  t.strictSame(await recordCommands(() => mine.getOrSet('key', failingLoader)), [['get', name]])
  t.strictSame(await recordCommands(() => mine.get('key')), [['get', name]])
})

t.test('a lease is renewed during a long load, with and without a stale entry', async (t) => {
  const site = createProcesses(t)
  const { mine, theirs } = site
  const [key, old] = [deferredLoader(), deferredLoader()]
  const refresh = (cache: CacheAdapter, held: DeferredLoader<unknown>) => cache.getOrSet('old', held.load, {
    ttl: 100, staleIfError: 1_000
  })
  await mine.getOrSet('old', () => 'old', { ttl: 0.001, staleIfError: 1_000 })
  await sleep(2)
  const mineAsked = [mine.getOrSet('key', key.load), refresh(mine, old)]
  await Promise.all([key.began, old.began])
  const other = deferredLoader()
  const theirsAsked = [theirs.getOrSet('key', other.load), refresh(theirs, other)]
  await sleep(3_500)
  t.equal(other.runs(), 0)
  key.end('value')
  old.end('new')
  t.strictSame(await Promise.all([...mineAsked, ...theirsAsked]), ['value', 'new', 'value', 'new'])
})

t.test('a key of another type gets a lease', async (t) => {
  const { mine, name } = createProcesses(t)
  await client.lpush(name, 'a list')
  t.equal(await mine.getOrSet('key', () => 'loaded'), 'loaded')
  t.equal(await mine.get('key'), 'loaded')
})

t.test('an entry that only the script can decode is replaced', async (t) => {
  const { mine, name, prefix } = createProcesses(t)
  await mine.set('key', 'value')
  const bytes = (await client.getBuffer(name))!
  // Metadata whose tags are a map in place of a list.
  const metadata = Buffer.from('["",{}]')
  const foreign = Buffer.concat([bytes.subarray(0, 30), metadata, Buffer.of(1)])
  foreign.writeUInt32BE(metadata.length, 26)
  await client.set(name, foreign)
  const loader = deferredLoader()
  const loading = mine.getOrSet<unknown>('key', loader.load)
  await loader.began
  t.match(await patientRedisStore({ client, prefix }).acquire!('key'), { wait: Function }, 'its load has a lease')
  await client.del(name)
  loader.end('old')
  t.equal(await loading, 'old')
  t.equal(await mine.get('key'), undefined, 'so the deletion by another program is seen')
  await client.set(name, foreign)
  t.equal(await mine.getOrSet<unknown>('key', () => 'loaded'), 'loaded')
  t.equal(await mine.get('key'), 'loaded')
})

t.test('a value that is too large is returned and not stored, and deletes the entry before it', async (t) => {
  const { mine, theirs, third, name } = createProcesses(t, { maxEntryBytes: 1_000 })
  const { events } = listen(t, mine)
  const large = 'x'.repeat(1_000)
  const options = { ttl: 0.001, staleIfError: 1_000 }
  await mine.getOrSet('key', () => 'small', options)
  await sleep(2)
  t.match(await mine.load('key', () => large, options, await mine.lookup('key') as Miss), {
    value: large, stored: false, notStoredBecause: 'too-large'
  })
  t.match(events.at(-1), { type: 'refuse', key: 'key', reason: 'too-large' })
  t.strictSame(await theirs.lookup('key'), { miss: 'absent' })
  await t.rejects(theirs.getOrSet('key', failingLoader, options), { message: 'upstream down' })
  t.ok(await client.pttl(name) > 0, 'what is left of the lease goes by itself')

  // Now all have the lease.
  await mine.set('other', 'small', { ttl: 0.001 })
  for (const cache of [mine, theirs, third]) {
    t.match(await cache.load('key', () => large), {
      stored: false, notStoredBecause: 'too-large'
    })
  }
  t.match(await third.load('key', () => 'small'), { stored: true })
  t.equal(await mine.get('key'), 'small')
  await mine.set('key', large)
  t.equal(await mine.get('key'), undefined)
  t.equal(await mine.add('key', large), false)
})

t.test('a hit costs one command after an early refresh has failed', async (t) => {
  const clock = fakeClock()
  const { prefix, theirs } = createProcesses(t, { now: clock.now })
  const store = patientRedisStore({ client, prefix, now: clock.now })
  const mine = createCache({ store, now: clock.now, random: () => 0 })
  t.teardown(() => mine.close())
  await mine.getOrSet('key', () => { clock.advance(2); return 'value' }, { ttl: 10 })
  const listener = listen(t, mine)
  const held = deferredLoader()
  t.equal(await mine.getOrSet('key', held.load, { refreshAhead: true }), 'value')
  await held.began
  t.equal(
    await theirs.getOrSet<unknown>('key', failingLoader, { refreshAhead: true }), 'value', 'it is good all the same'
  )
  held.fail(new Error('upstream down'))
  await listener.heard('error')
  const commands = await recordCommands(() => mine.getOrSet('key', failingLoader, { refreshAhead: true }))
  t.equal(commands.length, 1)
  t.match(await mine.lookup('key'), { retry: { failures: 1, at: clock.now() + 1_000 } })
})

t.test('a lease over an entry without expiry leaves it without expiry', async (t) => {
  const { mine, theirs, name } = createProcesses(t)
  await mine.set('key', 'value', { ttl: null })
  const renew = async (load: () => unknown) => await mine.load('key', load, { ttl: null }, {
    miss: 'corrupt', seen: await mine.lookup('key') as never
  })
  for (const load of [() => 'new', failingLoader, () => undefined]) {
    await renew(load).catch(() => {})
    t.equal(await client.pttl(name), -1)
    t.equal(await theirs.get('key'), 'new')
  }
})

t.test('a lease is renewed for a minute at most', async (t) => {
  const { prefix, name } = createProcesses(t)
  const store = patientRedisStore({ client, prefix, commandTimeout: 1_000 })
  mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  try {
    t.match(await store.acquire!('key'), { lease: { fill: Function } })
    const commands = commandsSent(client)
    mock.timers.tick(59_999)
    t.equal(commands(), 99)
    mock.timers.tick(60_000)
    t.equal(commands(), 100, 'a minute, every 600 ms')
  } finally {
    mock.timers.reset()
  }
  await client.ping()
  t.ok(await client.pttl(name) <= 2_000)
})

t.test('a lease that was lost is not renewed again', async (t) => {
  const { prefix, name } = createProcesses(t)
  const store = patientRedisStore({ client, prefix, commandTimeout: 1_000 })
  mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  try {
    t.match(await store.acquire!('key'), { lease: { fill: Function } })
    await client.del(name)
    const commands = commandsSent(client)
    mock.timers.tick(600)
    await client.ping()
    await new Promise(setImmediate) // the reply to the renewal came before
    t.equal(commands(), 2, 'the renewal, and the ping')
    mock.timers.tick(6_000)
    t.equal(commands(), 2)
  } finally {
    mock.timers.reset()
  }
})
