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
      ['', /^a cache key must be a non-empty string, got ""$/],
      [undefined, /^a cache key must be a non-empty string, got undefined$/],
      [7, /^a cache key must be a non-empty string, got 7$/],
      [null, /^a cache key must be a non-empty string, got null$/],
      [Object.create(null), /^a cache key must be a non-empty string, got /],
      [Symbol('key'), /^a cache key must be a non-empty string, got Symbol\(key\)$/],
      ['k'.repeat(1025), /^a cache key may have at most 1024 characters, got 1025$/],
      ['lone \ud800', /^a cache key must be well-formed Unicode, got a lone surrogate$/]
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
    await refused(t, cache.getMany!('abc'), /^keys must be an array of strings, got "abc"$/)
    await refused(t, cache.deleteMany!(new Set(['abc'])), /^keys must be an array of strings, got Set/)
  })

  t.test('every verb with a ttl rejects an invalid one', async (t) => {
    const cache = setUp().cache as unknown as Loose
    for (const ttl of [NaN, Infinity, -Infinity, '60', {}, true]) {
      const message = /^ttl must be a number of seconds, a text such as "5m", or null, got /
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
      ['tag', /^tags must be an array of strings, got "tag"$/],
      [null, /^tags must be an array of strings, got null$/],
      [[''], /^a tag must be a non-empty string, got ""$/],
      [[1], /^a tag must be a non-empty string, got 1$/],
      [['t'.repeat(1025)], /^a tag may have at most 1024 characters, got 1025$/],
      [['\udc00'], /^a tag must be well-formed Unicode, got a lone surrogate$/]
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
        const message = new RegExp(`^${name} must be a number of seconds, zero or more, or a text such as "5m", got `)
        await refused(t, cache.getOrSet!('key', () => 1, { [name]: value }), message)
      }
    }
    for (const value of [1, null, 'yes']) {
      await refused(
        t, cache.getOrSet!('key', () => 1, { refreshAhead: value }), /^refreshAhead must be true or false, got /
      )
    }
    for (const options of [60, null, 'ttl']) {
      const message = /^options must be an object, got /
      await refused(t, cache.set!('key', 1, options), message)
      await refused(t, cache.setMany!([['key', 1]], options), message)
      await refused(t, cache.add!('key', 1, options), message)
      await refused(t, cache.getOrSet!('key', () => 1, options), message)
    }
    await refused(t, cache.getOrSet!('key', 'value'), /^loader must be a function, got "value"$/)
    for (const by of [1.5, NaN, '1', 2 ** 53, null]) {
      await refused(t, cache.increment!('key', by), /^by must be a safe integer, got /)
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
