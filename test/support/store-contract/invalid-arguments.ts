import type { Test } from 'tap'
import type { SetUp } from './set-up.ts'

export function invalidArguments (t: Test, setUp: () => SetUp): void {
  /** What callers may hand in against the types. */
  type Loose = Record<string, (...args: unknown[]) => Promise<unknown>>
  const refused = (t: Test, call: Promise<unknown>, message: RegExp, name?: string) =>
    t.rejects(call, { code: /^FST_ERR_LARDER_/, message }, name ?? String(message))

  t.test('every verb rejects an invalid key', async (t) => {
    const cache = setUp().cache as unknown as Loose
    const bad: Array<[unknown, RegExp]> = [
      ['', /^A cache key must be a non-empty string, but is ""\.$/],
      [undefined, /^A cache key must be a non-empty string, but is undefined\.$/],
      [7, /^A cache key must be a non-empty string, but is 7\.$/],
      [null, /^A cache key must be a non-empty string, but is null\.$/],
      [Object.create(null), /^A cache key must be a non-empty string, but is /],
      [Symbol('key'), /^A cache key must be a non-empty string, but is Symbol\(key\)\.$/],
      ['k'.repeat(1025), /^A cache key may have at most 1024 characters, but has 1025\.$/],
      ['lone \ud800', /^A cache key must be well-formed Unicode, but has a lone surrogate\.$/]
    ]
    for (const [key, message] of bad) {
      await refused(t, cache.get!(key), message)
      await refused(t, cache.getMany!(['good', key]), message)
      await refused(t, cache.set!(key, 1), message)
      await refused(t, cache.setMany!([['good', 1], [key, 1]]), message)
      await refused(t, cache.add!(key, 1), message)
      await refused(t, cache.getOrSet!(key, () => 1), message)
      await refused(t, cache.touch!(key), message)
      await refused(t, cache.increment!(key), message)
      await refused(t, cache.ttl!(key), message)
      await refused(t, cache.delete!(key), message)
      await refused(t, cache.deleteMany!(['good', key]), message)
    }
    await refused(t, cache.getMany!('abc'), /^The value of keys must be an array of strings, but is "abc"\.$/)
    await refused(t, cache.deleteMany!(new Set(['abc'])), /^The value of keys must be an array of strings, but is Set/)
  })

  t.test('every verb with a ttl rejects an invalid one', async (t) => {
    const cache = setUp().cache as unknown as Loose
    for (const ttl of [NaN, Infinity, -Infinity, '60', {}, true]) {
      const message = /^The value of ttl must be a number of seconds, a text such as "5m", or null, but is /
      await refused(t, cache.set!('key', 1, { ttl }), message)
      await refused(t, cache.setMany!([['key', 1]], { ttl }), message)
      await refused(t, cache.add!('key', 1, { ttl }), message)
      await refused(t, cache.getOrSet!('key', () => 1, { ttl }), message)
      await refused(t, cache.touch!('key', ttl), message)
    }
    t.equal(await cache.get!('key'), undefined)
  })

  t.test('every verb with tags rejects invalid ones', async (t) => {
    const cache = setUp().cache as unknown as Loose
    const bad: Array<[unknown, RegExp]> = [
      ['tag', /^The value of tags must be an array of strings, but is "tag"\.$/],
      [null, /^The value of tags must be an array of strings, but is null\.$/],
      [[''], /^A tag must be a non-empty string, but is ""\.$/],
      [[1], /^A tag must be a non-empty string, but is 1\.$/],
      [['t'.repeat(1025)], /^A tag may have at most 1024 characters, but has 1025\.$/],
      [['\udc00'], /^A tag must be well-formed Unicode, but has a lone surrogate\.$/]
    ]
    for (const [tags, message] of bad) {
      await refused(t, cache.set!('key', 1, { tags }), message)
      await refused(t, cache.setMany!([['key', 1]], { tags }), message)
      await refused(t, cache.add!('key', 1, { tags }), message)
      await refused(t, cache.getOrSet!('key', () => 1, { tags }), message)
      await refused(t, cache.invalidateTags!(tags), message)
    }
    t.equal(await cache.get!('key'), undefined)
  })

  t.test('verbs reject other invalid options and arguments', async (t) => {
    const cache = setUp().cache as unknown as Loose
    for (const name of ['staleWhileRevalidate', 'staleIfError', 'timeout']) {
      for (const value of [-1, NaN, Infinity, null, '1']) {
        const message = new RegExp(`^The value of ${name} must be a number of seconds, zero or more, or .*, but is `)
        await refused(t, cache.getOrSet!('key', () => 1, { [name]: value }), message)
      }
    }
    for (const value of [1, null, 'yes']) {
      await refused(
        t, cache.getOrSet!('key', () => 1, { refreshAhead: value }), /^The value of refreshAhead must be true or false, but is /
      )
    }
    for (const options of [60, null, 'ttl']) {
      const message = /^The value of options must be an object, but is /
      await refused(t, cache.set!('key', 1, options), message)
      await refused(t, cache.setMany!([['key', 1]], options), message)
      await refused(t, cache.add!('key', 1, options), message)
      await refused(t, cache.getOrSet!('key', () => 1, options), message)
    }
    await refused(t, cache.getOrSet!('key', 'value'), /^The value of loader must be a function, but is "value"\.$/)
    for (const by of [1.5, NaN, '1', 2 ** 53, null]) {
      await refused(t, cache.increment!('key', by), /^The value of by must be a safe integer, but is /)
    }
    t.equal(await cache.get!('key'), undefined)
  })

  t.test('set rejects a value that cannot be encoded', async (t) => {
    const { cache } = setUp()
    await refused(t, cache.set('key', undefined), /^undefined cannot be cached/)
    await refused(t, cache.add('key', undefined), /^undefined cannot be cached/)
    await refused(t, cache.set('key', () => 1), /^value cannot be cached: it is a function/)
    await refused(t, cache.set('key', { deep: Symbol('no') }), /^value\.deep cannot be cached: it is a symbol/)
    t.equal(await cache.get('key'), undefined)
  })
}
