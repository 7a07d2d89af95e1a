import type { Redis } from 'ioredis'
import t from 'tap'
import { createCache, memoryStore } from '../../../../src/cache/index.ts'
import { redisVersions } from '../../../../src/cache/stores/redis/versions.ts'
import { withRedis } from '../../../support/with-redis.ts'
import { until } from '../../../support/until.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'

const { clients } = await withRedis(t, 2)
const [client, otherClient] = clients as [Redis, Redis]

let prefixes = 0

/** Two processes that share a Redis store. */
function setUp () {
  const prefix = `test${++prefixes}`
  const store = patientRedisStore({ client, prefix })
  const otherStore = patientRedisStore({ client: otherClient, prefix })
  return {
    clock: `${prefix}#{${prefix}}clock`,
    tag: (name: string) => `${prefix}#{${prefix}}tag:${name}`,
    versions: store.versions,
    otherVersions: otherStore.versions,
    mine: createCache({ store }),
    theirs: createCache({ store: otherStore })
  }
}

t.test('redisVersions() works without a store', async (t) => {
  const alone = redisVersions(client, 'alone')
  // It has the default deadline, which may pass on a busy machine.
  await until('a stamp is current', async () => {
    try {
      return await alone.firstChanged(await alone.stamp(), ['a']) === undefined
    } catch {
      return false
    }
  })
})

t.test('a stamp is current until one of its tags changes, in every process', async (t) => {
  const { versions, otherVersions } = setUp()
  const before = await versions.stamp()
  t.equal(await otherVersions.stamp(), before)
  t.equal(await versions.firstChanged(before, ['a', 'b']), undefined)
  await otherVersions.invalidate(['a'])
  t.equal(await versions.firstChanged(before, ['a', 'b']), 'a')
  t.equal(await versions.firstChanged(before, ['b']), undefined)
  const after = await versions.stamp()
  t.equal(await otherVersions.firstChanged(after, ['a', 'b']), undefined)
})

t.test('invalidateTags() is seen by other processes', async (t) => {
  const { mine, theirs } = setUp()
  await mine.set('key', 'old', { tags: ['a'] })
  t.equal(await theirs.get('key'), 'old')
  await theirs.invalidateTags(['a'])
  t.equal(await mine.get('key'), undefined)
  await theirs.set('key', 'new', { tags: ['a'] })
  t.equal(await mine.get('key'), 'new')
  await mine.invalidateTags(['a'])
  t.equal(await theirs.get('key'), undefined)
})

t.test('a value loaded during invalidateTags() of another process is served by neither', async (t) => {
  const { mine, theirs } = setUp()
  const held = deferredLoader(({ addTags }) => addTags('b'))
  const caller = mine.getOrSet('key', held.load, { tags: ['a'] })
  await held.began
  await theirs.invalidateTags(['b'])
  const after = deferredLoader()
  const next = mine.getOrSet('key', after.load, { tags: ['a'] })
  await after.began // rather than joining the load that began before the invalidation
  held.end('old')
  t.equal(await caller, 'old')
  t.equal(await mine.get('key'), undefined)
  t.equal(await theirs.get('key'), undefined)
  after.end('new')
  t.equal(await next, 'new')
  t.equal(await theirs.get('key'), 'new')
})

t.test('invalidateTags() during a set() of another process is not lost', async (t) => {
  const { mine, theirs } = setUp()
  for (let round = 0; round < 20; round++) {
    const writing = mine.set('key', round, { tags: ['a'] })
    await theirs.invalidateTags(['a'])
    await writing
    const found = await theirs.get('key')
    t.ok(found === undefined || found === round)
    await theirs.invalidateTags(['a'])
    t.equal(await mine.get('key'), undefined)
  }
})

t.test('invalidateTags() leaves entries with other tags, however new those are', async (t) => {
  const { mine, theirs } = setUp()
  await mine.set('set', 1, { tags: ['a'] })
  await mine.add('added', 1, { tags: ['b'] })
  await mine.getOrSet('loaded', () => 1, { tags: ['c'] })
  const held = deferredLoader()
  const caller = mine.getOrSet('loaded meanwhile', held.load, { tags: ['d'] })
  await held.began
  await theirs.invalidateTags(['something else'])
  held.end(1)
  await caller
  t.equal((await mine.getMany(['set', 'added', 'loaded', 'loaded meanwhile'])).size, 4)
})

t.test('an invalidated entry stays invalid if Redis loses the clock or the tag', async (t) => {
  const losses: Record<string, (keys: { clock: string, tag: string }) => Promise<unknown>> = {
    'the tag': ({ tag }) => client.del(tag),
    'the clock': ({ clock }) => client.del(clock),
    'both, the tag first': async ({ clock, tag }) => { await client.del(tag); await client.del(clock) },
    'both, the clock first': async ({ clock, tag }) => { await client.del(clock); await client.del(tag) }
  }
  for (const [name, lose] of Object.entries(losses)) {
    for (const lookInBetween of [false, true]) {
      const { mine, theirs, clock, tag } = setUp()
      await mine.set('key', 'old', { tags: ['a'] })
      await mine.set('untagged', 1)
      if (lookInBetween) t.equal(await mine.get('key'), 'old')
      await theirs.invalidateTags(['a'])
      if (lookInBetween) t.equal(await mine.get('key'), undefined)
      await lose({ clock, tag: tag('a') })
      for (let i = 0; i < 3; i++) {
        t.equal(await mine.get('key'), undefined, name)
        t.equal(await mine.touch('key'), false, name)
        await theirs.invalidateTags(['b'])
      }
      t.equal(await mine.get('untagged'), 1)
      await mine.set('key', 'new', { tags: ['a'] })
      t.equal(await theirs.get('key'), 'new')
      await theirs.invalidateTags(['a'])
      t.equal(await mine.get('key'), undefined)
    }
  }
})

t.test('a load stays invalid if Redis loses the clock or the tag meanwhile', async (t) => {
  for (const which of ['clock', 'tag'] as const) {
    const { mine, theirs, clock, tag } = setUp()
    const held = deferredLoader()
    const caller = mine.getOrSet('key', held.load, { tags: ['a'] })
    await held.began
    await theirs.invalidateTags(['a'])
    await client.del(which === 'clock' ? clock : tag('a'))
    held.end('old')
    t.equal(await caller, 'old')
    t.equal(await mine.get('key'), undefined, which)
  }
})

t.test('a clock that was lost continues ahead of its last value', async (t) => {
  const { versions, clock } = setUp()
  for (let i = 0; i < 1000; i++) versions.invalidate(['a'])
  const before = await versions.stamp()
  await client.del(clock)
  t.ok(Number(await versions.stamp()) > Number(before))
  t.ok(Number.isSafeInteger(Number(await versions.stamp())))
})

t.test('a stamp that is ahead of the clock is not current', async (t) => {
  const { versions, clock } = setUp()
  const ahead = await versions.stamp()
  await client.decrby(clock, 10)
  t.equal(await versions.firstChanged(ahead, ['a']), 'a')
})

t.test('an invalidated entry stays invalid after FLUSHALL', async (t) => {
  const { mine, theirs, versions } = setUp()
  const before = await versions.stamp(['a'])
  await mine.set('key', 'old', { tags: ['a'] })
  const held = deferredLoader()
  const caller = mine.getOrSet('loaded', held.load, { tags: ['a'] })
  await held.began
  await theirs.invalidateTags(['a'])
  await client.flushall()
  held.end('old')
  await caller
  t.equal(await mine.get('key'), undefined)
  t.equal(await mine.get('loaded'), undefined)
  t.equal(await versions.firstChanged(before, ['a']), 'a')
  await mine.set('key', 'new', { tags: ['a'] })
  t.equal(await theirs.get('key'), 'new')
})

t.test('a stamp of another version clock is not current', async (t) => {
  const { versions } = setUp()
  const foreign = String(await memoryStore().versions.stamp())
  for (const stamp of [foreign, '', 'soon', '0', '-1', 'inf', 'nan', '0x10']) {
    t.equal(await versions.firstChanged(stamp, ['a']), 'a', stamp)
  }
})

t.test('tags expire a month after their last change', async (t) => {
  const { versions, clock, tag } = setUp()
  await versions.stamp(['a'])
  await versions.firstChanged('0', ['b'])
  await versions.invalidate(['c'])
  for (const name of ['a', 'b', 'c']) {
    const life = await client.ttl(tag(name))
    t.ok(life > 29 * 24 * 3600 && life <= 30 * 24 * 3600, name, { life })
  }
  t.equal(await client.ttl(clock), -1)
})

t.test('invalidateTags() does not affect another prefix', async (t) => {
  const one = setUp()
  const two = setUp()
  await one.mine.set('key', 1, { tags: ['a'] })
  await two.mine.invalidateTags(['a'])
  t.equal(await one.mine.get('key'), 1)
})
