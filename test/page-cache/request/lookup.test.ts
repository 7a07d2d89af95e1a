import t from 'tap'
import type { Entry, Lookup } from '../../../src/cache/index.ts'
import { matchVary, variantKeys } from '../../../src/page-cache/key/variants.ts'
import { lookUpHead, lookUpResponse, type LookupResult } from '../../../src/page-cache/request/lookup.ts'
import { makeEntry, storeResponse } from './stored.ts'

const now = Date.UTC(2026, 0)
const generation = 'g'

/** Reads from a map of entries, synchronously, and notes the keys. */
function createReader (entries: Record<string, Lookup>) {
  const keys: string[] = []
  const lookup = (key: string): Lookup => {
    keys.push(key)
    return entries[key] ?? { miss: 'absent' }
  }
  return { keys, lookup }
}

const matchFor = (headers: Record<string, string>) => (varyNames: readonly string[]) =>
  matchVary(varyNames, { sent: headers, headers }, null)

const makeIndex = (...varyLists: string[][]): Entry => makeEntry({ generation, varyLists }, now)

/** The two keys of the variant for these headers. */
const keysFor = (varyNames: string[], headers: Record<string, string>) =>
  variantKeys('k', generation, matchFor(headers)(varyNames))

const variantFor = (varyNames: string[], headers: Record<string, string>, name: string) =>
  storeResponse({ varyValues: matchFor(headers)(varyNames).varyValues, etag: `"${name}"` }, now).entry

t.test('lookUpResponse() completes synchronously if the reader does', async (t) => {
  const { entry, page } = storeResponse({}, now)
  const found = lookUpResponse(createReader({ k: entry }), 'k', matchFor({}))
  t.notOk(found instanceof Promise)
  t.match(found, { location: { primaryKey: 'k', key: 'k' }, page })

  const late = lookUpResponse({ lookup: async () => entry }, 'k', matchFor({}))
  t.ok(late instanceof Promise)
  t.match(await late, { page })
})

t.test('lookUpResponse() reports misses, and a foreign value under the key as a corrupt one', async (t) => {
  for (const [content, miss] of [
    [undefined, { miss: 'absent' }],
    [{ miss: 'unavailable' }, { miss: 'unavailable' }],
    [makeEntry('foreign', now), { miss: 'corrupt' }],
    [makeEntry({ status: 200 }, now), { miss: 'corrupt' }]
  ] as Array<[Lookup | undefined, object]>) {
    const found = await lookUpResponse(createReader(content === undefined ? {} : { k: content }), 'k', matchFor({}))
    t.match(found, { location: { key: 'k' }, miss })
  }
})

t.test('lookUpResponse() selects a variant by the values of the request headers', async (t) => {
  const german = { 'x-lang': 'de' }
  const [key] = keysFor(['x-lang'], german)
  const reader = createReader({ k: makeIndex(['x-lang']), [key]: variantFor(['x-lang'], german, 'de') })
  const found = lookUpResponse(reader, 'k', matchFor(german))
  t.notOk(found instanceof Promise)
  t.match(found, {
    location: { primaryKey: 'k', key, varyMatch: { varyNames: ['x-lang'], varyValues: ['de'] } },
    page: { etag: '"de"' }
  })
  t.strictSame(reader.keys, ['k', key])

  const other = await lookUpResponse(reader, 'k', matchFor({ 'x-lang': 'fr' }))
  t.match(other, { location: { varyMatch: { varyValues: ['fr'] } }, miss: { miss: 'absent' } })
  t.ok('variants' in other.location)
})

t.test('lookUpResponse() looks under the second key if another variant occupies the first', async (t) => {
  const headers = { 'x-a': '1' }
  const [first, second] = keysFor(['x-a'], headers)
  const mine = variantFor(['x-a'], headers, 'mine')
  const other = variantFor(['x-a'], { 'x-a': '2' }, 'other')
  const find = async (entries: Record<string, Lookup>): Promise<LookupResult> =>
    await lookUpResponse(createReader({ k: makeIndex(['x-a']), ...entries }), 'k', matchFor(headers))
  t.match(await find({ [first]: other, [second]: mine }), { location: { key: second }, page: { etag: '"mine"' } })
  t.match(await find({ [first]: other }), { location: { key: second }, miss: { miss: 'absent' } })
  const occupied = await find({ [first]: other, [second]: other })
  t.match(occupied, { location: { key: second }, miss: { miss: 'absent', seen: other } })
})

t.test('lookUpResponse() returns a stale variant only for the same header values', async (t) => {
  const headers = { 'x-a': '1' }
  const [key] = keysFor(['x-a'], headers)
  const find = async (entry: Entry) => {
    const miss: Lookup = { miss: 'expired', seen: entry, stale: entry }
    return await lookUpResponse(createReader({ k: makeIndex(['x-a']), [key]: miss }), 'k', matchFor(headers))
  }
  const mine = variantFor(['x-a'], headers, 'mine')
  t.match(await find(mine), { miss: { miss: 'expired', stale: mine } })
  const found = await find(variantFor(['x-a'], { 'x-a': '2' }, 'other'))
  t.match(found, { miss: { miss: 'absent' } })
  t.notOk('stale' in (found as { miss: object }).miss)
})

t.test('lookUpResponse() tries each list of header names; if all miss, the latest counts', async (t) => {
  const headers = { 'x-a': '1', 'x-b': '2', 'x-c': '3' }
  const lists = [['x-a'], ['x-b'], ['x-c']]
  const [key] = keysFor(['x-b'], headers)
  const reader = createReader({ k: makeIndex(...lists), [key]: variantFor(['x-b'], headers, 'b') })
  t.match(await lookUpResponse(reader, 'k', matchFor(headers)), { location: { key }, page: { etag: '"b"' } })
  t.equal(reader.keys.length, 3, 'no list is tried after a hit')

  const none = createReader({ k: makeIndex(...lists) })
  const found = await lookUpResponse(none, 'k', matchFor(headers))
  t.match(found, {
    location: { key: keysFor(['x-a'], headers)[0], varyMatch: { varyNames: ['x-a'] } },
    miss: { miss: 'absent' }
  })
  t.equal(none.keys.length, 4)
})

t.test('lookUpHead() prefers the response to GET', async (t) => {
  const get = storeResponse({ etag: '"get"' }, now).entry
  const head = storeResponse({ etag: '"head"' }, now).entry
  const find = async (entries: Record<string, Lookup>) =>
    await lookUpHead(createReader(entries), 'g', 'h', matchFor({}))
  t.match(await find({ g: get, h: head }), { location: { key: 'g' }, page: { etag: '"get"' } })
  t.match(await find({ h: head }), { location: { key: 'h' }, page: { etag: '"head"' } })
  t.match(await find({}), { location: { key: 'h' }, miss: { miss: 'absent' } })
})
