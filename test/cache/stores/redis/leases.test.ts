import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import {
  type CacheAdapter, type CacheOptions, createCache, currentReads, memoryVersions, type Miss, type RedisStoreOptions
} from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { failingLoader } from '../../../support/failing-loader.ts'
import { startProxy } from '../../../support/proxy.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'
import { type DeferredLoader, deferredLoader } from '../../../support/deferred-loader.ts'
import { listen } from '../../../support/record-events.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'
import { redisCache } from '../../../support/redis-cache.ts'

const redis = await startRedis(t)
const clients = Array.from({ length: 4 }, () => new Redis(redis.url))
const [client] = clients as [Redis]
t.teardown(() => { for (const client of clients) client.disconnect() })
await Promise.all(clients.map((client) => client.ping()))

let prefixes = 0

type Options = Partial<RedisStoreOptions> & Pick<CacheOptions, 'now'>

/** Caches over one Redis, each with a connection of its own, as those of so many processes. */
function setUp (t: Test, options: Options = {}) {
  const prefix = `test${++prefixes}`
  const caches = clients.map((client) => redisCache(t, { client, prefix, ...options }))
  const [mine, theirs, third, fourth] = caches as [CacheAdapter, CacheAdapter, CacheAdapter, CacheAdapter]
  const name = `${prefix}:key`
  const channel = `${prefix}#filled:key`
  return {
    prefix,
    name,
    mine,
    theirs,
    third,
    fourth,
    /** Resolves when so many processes wait for the lease of `key`. */
    waiting: (count = 1) => until(
      `${count} wait`, async () => (await client.pubsub('NUMSUB', channel) as [string, number])[1] === count
    )
  }
}

/** The commands that clients send meanwhile. */
async function commandsOf (work: () => Promise<unknown>): Promise<string[][]> {
  const asker = new Redis(redis.url)
  await asker.ping() // what it says at first must not be the first that the monitor hears
  const monitor = await asker.monitor()
  asker.disconnect()
  const sent: string[][] = []
  monitor.on('monitor', (_time: string, args: string[], source: string) => { if (source !== 'lua') sent.push(args) })
  try {
    await work()
    await client.echo('the end')
    await until('all were seen', () => sent.at(-1)?.[1] === 'the end')
    return sent.slice(0, -1)
  } finally {
    monitor.disconnect()
  }
}

/** A load that another process waits for. */
async function heldAndWaitedFor (site: ReturnType<typeof setUp>, held: DeferredLoader<unknown> = deferredLoader()) {
  const first = site.mine.getOrSet('key', held.load)
  await held.began
  const second = deferredLoader()
  const waiter = site.theirs.getOrSet('key', second.load)
  await site.waiting()
  return { held, first, second, waiter }
}

t.test('a hit is one GET; a load acquires its lease by one command and fills it by another', async (t) => {
  const { prefix, name } = setUp(t)
  // The stamps of memoryVersions need no command.
  const mine = createCache({ store: patientRedisStore({ client, prefix }), versions: memoryVersions() })
  await mine.getOrSet('other', () => 1) // Redis knows the scripts now
  const miss = await commandsOf(() => mine.getOrSet('key', () => 'value'))
  t.match(miss, [['get', name], ['EVALSHA', String, '1', name], ['EVALSHA', String, '1', name]])
  t.equal(miss.length, 3, JSON.stringify(miss))
  t.strictSame(await commandsOf(() => mine.getOrSet('key', failingLoader)), [['get', name]])
  t.strictSame(await commandsOf(() => mine.get('key')), [['get', name]])
})

t.test('a fill wakes the callers that wait in another process', async (t) => {
  const times: number[] = []
  const commands = await commandsOf(async () => {
    for (let round = 0; round < 9; round++) {
      const { held, first, second, waiter } = await heldAndWaitedFor(setUp(t))
      const filledAt = performance.now()
      held.end('value')
      t.strictSame(await Promise.all([first, waiter]), ['value', 'value'])
      times.push(performance.now() - filledAt)
      t.equal(second.runs(), 0)
    }
  })
  const median = times.sort((a, b) => a - b)[4]!
  t.ok(median < 100, 'well before the next look', { median })
  t.comment(`woken in ${median.toFixed(1)} ms`)
  const scripts = commands.filter(([verb, , , name]) => verb === 'EVALSHA' && name!.endsWith(':key')).length
  // The holder acquires and fills; the waiter acquires, and again when the channel is open and when it is notified.
  t.ok(scripts <= 9 * 5, 'no more than five scripts', { scripts })
})

t.test('the channel is unsubscribed once no caller waits', async (t) => {
  const site = setUp(t)
  const { held, first, waiter } = await heldAndWaitedFor(site)
  held.end(1)
  await Promise.all([first, waiter])
  await site.waiting(0)
})

t.test('a lease is renewed during a long load, with and without a stale entry', async (t) => {
  const site = setUp(t)
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

t.test('a holder whose connection is cut is replaced, and its result is not stored', async (t) => {
  const line = await startProxy(t, redis.port)
  const ownLine = new Redis(line.url)
  ownLine.on('error', () => {})
  t.teardown(() => ownLine.disconnect())
  const { prefix, theirs } = setUp(t)
  const mine = redisCache(t, { client: ownLine, prefix })
  const held = deferredLoader()
  const first = mine.getOrSet('key', held.load)
  await held.began
  line.blackHole()
  const cutAt = performance.now()
  t.equal(await theirs.getOrSet('key', () => 'theirs'), 'theirs')
  const ms = performance.now() - cutAt
  t.ok(ms < 4_000, 'soon', { ms })
  t.comment(`replaced in ${Math.round(ms)} ms`)
  line.pass()
  held.end('mine')
  t.equal(await first, 'mine')
  t.equal(await theirs.get('key'), 'theirs')
})

const changes: Record<string, [change: (cache: CacheAdapter) => Promise<unknown>, found: unknown]> = {
  delete: [(cache) => cache.delete('key'), undefined],
  set: [(cache) => cache.set('key', 'set'), 'set'],
  add: [(cache) => cache.add('key', 'added'), 'added'],
  increment: [(cache) => cache.increment('key', 7), 7],
  clear: [(cache) => cache.clear(), undefined],
  'sweep by a prefix': [(cache) => cache.deleteMatching({ prefix: 'ke' }), undefined],
  'sweep by tags': [(cache) => cache.deleteMatching({ tags: ['a'] }), undefined],
  invalidateTags: [(cache) => cache.invalidateTags(['a']), undefined]
}
for (const [verb, [change, found]] of Object.entries(changes)) {
  const byTags = /tags/i.test(verb)
  t.test(`${verb} by another process during a load: the next caller does not get its result`, async (t) => {
    for (const nextAt of ['mine', 'theirs'] as const) {
      const site = setUp(t)
      const { mine, theirs } = site
      const { events } = listen(t, mine)
      const held = deferredLoader()
      const first = mine.getOrSet('key', held.load, { tags: ['a'] })
      await held.began
      await change(theirs)
      const next = site[nextAt].getOrSet<unknown>('key', () => 'new', { tags: ['a'] })
      // The next caller waits for the load to end, unless it finds another value, the lease has ended, or, in the same
      // process, the tags have changed.
      if (nextAt === 'mine' ? !byTags : byTags) held.end('old')
      t.equal(await next, found ?? 'new')
      held.end('old')
      t.equal(await first, 'old')
      t.equal(await theirs.get('key'), found ?? 'new')
      const reason = byTags ? 'outdated' : /revoked/
      t.match(events.find(({ type }) => type === 'refuse'), {
        key: 'key', reason: nextAt === 'mine' && byTags ? String : reason
      })
    }
  })
}

t.test('callers that wait for a load whose result is not stored load in parallel, and store', async (t) => {
  const ends: Record<string, { held: DeferredLoader<unknown>, end: (held: DeferredLoader<unknown>) => void }> = {
    fails: { held: deferredLoader(), end: (held) => held.fail(new Error('upstream down')) },
    'answers undefined': { held: deferredLoader(), end: (held) => held.end(undefined) },
    'skips the store': { held: deferredLoader((context) => context.skipStore()), end: (held) => held.end(1) },
    'has no life': { held: deferredLoader((context) => context.setTtl(0)), end: (held) => held.end(1) },
    'cannot be encoded': { held: deferredLoader(), end: (held) => held.end(() => 1) },
    'cannot be verified': {
      held: deferredLoader(() => currentReads()!.doNotStore('unwatched-read')), end: (held) => held.end(1)
    },
    'is too large': { held: deferredLoader(), end: (held) => held.end('x'.repeat(2_000)) }
  }
  for (const [how, { held, end }] of Object.entries(ends)) {
    const site = setUp(t, { maxEntryBytes: 1_000 })
    const { mine, theirs, third, fourth } = site
    const first = mine.getOrSet('key', held.load).catch(() => {})
    await held.began
    const [one, two] = [deferredLoader(), deferredLoader()]
    const waiters = [theirs.getOrSet('key', one.load), third.getOrSet('key', two.load)]
    await site.waiting(2)
    end(held)
    await first
    await Promise.all([one.began, two.began]) // neither waits for the other
    two.end('kept')
    t.equal(await waiters[1], 'kept', how)
    t.equal(await fourth.getOrSet<unknown>('key', failingLoader), 'kept', how)
    one.end('late')
    t.equal(await waiters[0], 'late', how)
    t.equal(await fourth.get('key'), 'kept', how)
  }
})

t.test('a waiting caller that finds a corrupt value loads', async (t) => {
  const site = setUp(t)
  const { held, first, second, waiter } = await heldAndWaitedFor(site)
  const now = Date.now()
  const end = now + 60_000
  const corrupt = {
    payload: Uint8Array.of(0xc1), storedAt: now, freshUntil: end, staleUntil: end, tags: [], stamp: ''
  }
  await patientRedisStore({ client, prefix: site.prefix }).set('key', corrupt)
  await second.began
  second.end('value')
  t.equal(await waiter, 'value')
  held.end('old')
  t.equal(await first, 'old')
  t.equal(await site.third.get('key'), 'value')
})

t.test('an outdated load of the same process releases its lease to the next one', async (t) => {
  const { mine, theirs } = setUp(t)
  const older = deferredLoader()
  const first = mine.getOrSet('key', older.load, { tags: ['a'] })
  await older.began
  await theirs.invalidateTags(['a'])
  const began = performance.now()
  t.equal(await mine.getOrSet<unknown>('key', () => 'new', { tags: ['a'] }), 'new')
  t.ok(performance.now() - began < 1_000, 'before the lease would have ended')
  older.end('old')
  t.equal(await first, 'old')
  t.equal(await theirs.getOrSet<unknown>('key', failingLoader), 'new')
})

t.test('a load that cannot be stored lets all others load in parallel', async (t) => {
  const { mine, theirs, third } = setUp(t)
  const older = deferredLoader(() => currentReads()!.doNotStore('unwatched-read'))
  const first = mine.getOrSet('key', older.load)
  await older.began
  const [one, two, three] = [deferredLoader(), deferredLoader(), deferredLoader()]
  const asked = [mine.getOrSet('key', one.load), theirs.getOrSet('key', two.load), third.getOrSet('key', three.load)]
  await Promise.all([one.began, two.began, three.began])
  for (const held of [older, one, two, three]) held.end('value')
  t.strictSame(await Promise.all([first, ...asked]), Array(4).fill('value'))
})

for (const [how, [begin, end]] of Object.entries({
  full: [['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
  'a replica': [['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']]
} as Record<string, [string[], string[]]>)) {
  t.test(`a Redis that is ${how} serves hits, and leases nothing until it takes writes again`, async (t) => {
    const { url } = await startRedis(t)
    const [client, other] = [new Redis(url), new Redis(url)]
    t.teardown(() => { for (const one of [client, other]) one.disconnect() })
    const clock = fakeClock()
    const { now } = clock
    const [cache, theirs] = [redisCache(t, { client, now }), redisCache(t, { client: other, now })]
    await cache.set('hit', 'kept')
    await client.call(...begin as [string, ...string[]])
    const { events } = listen(t, cache)
    t.equal(await cache.getOrSet<unknown>('hit', failingLoader), 'kept')
    t.equal(await cache.getOrSet<unknown>('hit', failingLoader), 'kept')
    t.notOk(events.some(({ type }) => type === 'error'))
    const [one, two] = [deferredLoader(), deferredLoader()]
    const asked = [cache.getOrSet('key', one.load), theirs.getOrSet('key', two.load)]
    await Promise.all([one.began, two.began])
    one.end(1)
    two.end(2)
    t.strictSame(await Promise.all(asked), [1, 2])
    t.equal(await client.exists('larder:key'), 0)

    await client.call(...end as [string, ...string[]])
    clock.advance(1)
    const held = deferredLoader()
    const first = cache.getOrSet('key', held.load)
    await held.began
    const second = theirs.getOrSet('key', failingLoader)
    held.end('kept')
    t.strictSame(await Promise.all([first, second]), ['kept', 'kept'])
  })
}

t.test('a key of another type gets a lease', async (t) => {
  const { mine, name } = setUp(t)
  await client.lpush(name, 'a list')
  t.equal(await mine.getOrSet('key', () => 'loaded'), 'loaded')
  t.equal(await mine.get('key'), 'loaded')
})

t.test('an entry that only the script can decode is replaced', async (t) => {
  const { mine, name, prefix } = setUp(t)
  await mine.set('key', 'value')
  const bytes = (await client.getBuffer(name))!
  // Metadata whose tags are a map in place of a list.
  const metadata = Buffer.of(0x92, 0xa0, 0x80)
  const foreign = Buffer.concat([bytes.subarray(0, 30), metadata, Buffer.of(1)])
  foreign.writeUInt32BE(metadata.length, 26)
  await client.set(name, foreign)
  t.strictSame(await patientRedisStore({ client, prefix }).acquire!('key'), {})
  t.equal(await mine.getOrSet<unknown>('key', () => 'loaded'), 'loaded')
  t.equal(await mine.get('key'), 'loaded')
})

t.test('while Redis is away a load runs, and its result is not stored', async (t) => {
  const { prefix, theirs } = setUp(t)
  const ownClient = new Redis(redis.url)
  t.teardown(() => ownClient.disconnect())
  const mine = redisCache(t, { client: ownClient, prefix })
  await theirs.getOrSet('stale', () => 'stale', { ttl: 0.001, staleIfError: 100 })
  await sleep(2)
  const seen = await mine.lookup('stale') as Miss
  ownClient.callBuffer = (async () => { throw new Error('gone') }) as never
  t.match(await mine.load('stale', () => 'new', {}, seen), {
    value: 'new', stored: false, notStoredBecause: 'store-unavailable'
  })
})

t.test('a value that is too large is returned and not stored, and deletes the entry before it', async (t) => {
  const { mine, theirs, third, name } = setUp(t, { maxEntryBytes: 1_000 })
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

t.test('a caller that waits for a load which fails gets the stale value, and backs off', async (t) => {
  const clock = fakeClock()
  const site = setUp(t, { now: clock.now })
  const { mine, theirs, third, fourth } = site
  const options = { ttl: 10, staleIfError: 1_000 }
  await mine.getOrSet('key', () => 'old', options)
  clock.advance(10)
  const held = deferredLoader()
  const first = mine.getOrSet('key', held.load, options)
  await held.began
  const waiters = [
    theirs.getOrSet('key', failingLoader, options),
    third.getOrSet('key', failingLoader, { ...options, staleIfError: 0, staleWhileRevalidate: 1_000 })
  ]
  const [one, two] = [deferredLoader(), deferredLoader()]
  const { events } = listen(t, theirs)
  const insisting = [fourth.getOrSet('key', two.load)]
  await site.waiting(3)
  held.fail(new Error('upstream down'))
  t.strictSame(await Promise.all([first, ...waiters]), ['old', 'old', 'old'])
  await until('it is told', () => events.length >= 2)
  t.match(events.filter(({ type }) => type === 'error'), [
    { doing: 'load', error: { message: 'another process has just failed to load "key"' } }
  ])
  await two.began // who takes no old value loads all the same
  t.equal(await theirs.getOrSet('key', one.load, options), 'old')
  two.fail(new Error('upstream down'))
  await t.rejects(insisting[0]!, { message: 'upstream down' })
  t.equal(one.runs(), 0)
  clock.advance(1.999)
  t.equal(await theirs.getOrSet('key', one.load, options), 'old', 'that was the second attempt')
  t.equal(one.runs(), 0)
  clock.advance(0.001)
  one.end('new')
  t.equal(await theirs.getOrSet('key', one.load, options), 'new')
  const found = await mine.lookup('key')
  t.match(found, { retry: undefined })
  t.notHas(found, { retry: { failures: Number } })
})

t.test('the note of a failure does not restore an entry that another process deleted', async (t) => {
  for (const at of ['before', 'during'] as const) {
    const clock = fakeClock()
    const { mine, theirs } = setUp(t, { now: clock.now })
    const options = { ttl: 10, staleIfError: 1_000 }
    await mine.getOrSet('key', () => 'old', options)
    clock.advance(10)
    const miss = await mine.lookup('key') as Miss
    if (at === 'before') await theirs.delete('key')
    const held = deferredLoader()
    const loading = mine.load('key', held.load, {}, miss)
    await held.began
    if (at === 'during') await theirs.delete('key')
    held.fail(new Error('upstream down'))
    await t.rejects(loading, { message: 'upstream down' })
    t.match(await theirs.lookup('key'), { miss: 'absent' }, at)
  }
})

t.test('a hit costs one command after an early refresh has failed', async (t) => {
  const clock = fakeClock()
  const { prefix, theirs } = setUp(t, { now: clock.now })
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
  const commands = await commandsOf(() => mine.getOrSet('key', failingLoader, { refreshAhead: true }))
  t.equal(commands.length, 1)
  t.match(await mine.lookup('key'), { retry: { failures: 1, at: clock.now() + 1_000 } })
})

t.test('a lease over an entry without expiry leaves it without expiry', async (t) => {
  const { mine, theirs, name } = setUp(t)
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
  const { prefix, name } = setUp(t)
  const store = patientRedisStore({ client, prefix, commandTimeout: 1_000_000 })
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

/** Counts what a client sends from now on. */
function commandsSent (client: Redis): () => number {
  const { sendCommand } = client
  let count = 0
  client.sendCommand = function (...args) {
    count++
    return sendCommand.apply(this, args)
  }
  return () => count
}
