import fc from 'fast-check'
import t from 'tap'
import { computeEtag, isNotModified, isStrongEtag, matchesNone } from '../../../src/page-cache/http/conditional.ts'

const NOW = Date.UTC(2026, 0, 1)
const at = (seconds: number) => new Date(NOW + seconds * 1000).toUTCString()

t.test('computeEtag depends on the body', async (t) => {
  t.match(computeEtag(Buffer.from('x')), /^"[\w-]{43}"$/)
  t.equal(computeEtag(Buffer.from('x')), computeEtag(Buffer.from('x')))
  t.not(computeEtag(Buffer.from('x')), computeEtag(Buffer.from('y')))
})

t.test('matchesNone compares entity tags weakly', async (t) => {
  for (const [field, etag] of [
    ['"a"', '"a"'], ['W/"a"', '"a"'], ['"a"', 'W/"a"'], ['W/"a"', 'W/"a"'], ['*', '"a"'], [' * ', 'W/"a"'],
    ['"x", "a", "y"', '"a"'], ['"a","y"', '"a"'], ['"x",W/"a"', '"a"'], [',, "x" ,\t"a",', '"a"'],
    ['"x", W/"a, b" , "y"', '"a, b"'], ['"\\", "a"', '"a"'], ['"a\\"', '"a\\"'], ['""', '""'],
    ['"abcdef\u00fc"', '"abcdef\u00fc"'], ['"a\u00a0"', '"a\u00a0"'],
    ['w/"a"', '"a"'], ['w/"a"', 'w/"a"'], ['W\\"a"', 'W\\"a"'], ['"x", W"a"', 'W"a"'], ['a', 'a'], ['"x", a', 'a'],
    ['W/a', 'a']
  ] as const) t.ok(matchesNone(field, etag), `${field} names ${etag}`)
  for (const [field, etag] of [
    [undefined, '"a"'], ['', '"a"'], ['"b"', '"a"'], ['"A"', '"a"'], ['"a, b"', '"a"'], ['"a, b"', '"b"'],
    ['"x, "a"', '"a"'], ['"x" "a"', '"a"'], ['"a"b', '"a"'],
    ['garbage "', '"a"'], ['"x", *', '"a"'], ['a', '"a"'], ['"a"', 'a'], ['W"a"', '"a"'], ['W\\"a"', '"a"'],
    ['W/W/"a"', '"a"'], ['"a\u00a0"', '"a"'], ['x y, "a"', '"a"']
  ] as const) t.notOk(matchesNone(field, etag), `${field} does not name ${etag}`)
})

t.test('isStrongEtag judges by the form of the tag only', async (t) => {
  for (const etag of ['"a"', '""']) t.ok(isStrongEtag(etag), etag)
  for (const etag of ['W/"a"', 'w/"a"', 'a', '', '"', '"a', '"a"b"']) t.notOk(isStrongEtag(etag), etag)
})

t.test('matchesNone finds the tags that are in a list, and no others', async (t) => {
  const opaque = fc.string({
    unit: fc.constantFrom('a', 'b', ',', '\\', '\u00fc', '*', 'W/'), maxLength: 3
  }).map((text) => `"${text}"`)
  const entry = fc.tuple(
    fc.constantFrom('', ' ', ',', '\t, '), fc.constantFrom('', 'W/'), opaque, fc.constantFrom('', ' ')
  )
  fc.assert(fc.property(fc.array(entry, { maxLength: 4 }), opaque, fc.constantFrom('', 'W/'), (entries, tag, weak) => {
    const field = entries.map((parts) => parts.join('')).join(',')
    t.equal(matchesNone(field, weak + tag), entries.some(([,, opaque]) => opaque === tag))
  }), { numRuns: 500 })
  fc.assert(fc.property(fc.string(), opaque, (field, tag) => { t.doesNotThrow(() => matchesNone(field, tag)) }))
})

t.test('If-None-Match outranks If-Modified-Since', async (t) => {
  const page = { etag: '"a"', lastModified: at(-5000), date: NOW }
  t.ok(isNotModified({ 'if-none-match': '"a"', 'if-modified-since': at(-9000) }, page))
  t.notOk(isNotModified({ 'if-none-match': '"b"', 'if-modified-since': at(0) }, page))
  t.ok(isNotModified({ 'if-none-match': ['"b"', '"a"'] }, page), 'in several lines')
  t.notOk(isNotModified({ 'if-none-match': '' }, page))
})

t.test('If-Modified-Since is compared with Last-Modified, or else with the date of the response', async (t) => {
  const page = { etag: '"a"', lastModified: at(-3000), date: NOW }
  const since = (field: string | string[], more = {}) => isNotModified({ 'if-modified-since': field }, {
    ...page, ...more
  })
  t.notOk(isNotModified({}, page))
  t.ok(since(at(-3000)))
  t.ok(since(at(-2000)))
  t.notOk(since(at(-3001)))
  t.ok(since('Thursday, 01-Jan-26 00:00:00 GMT'))
  for (const field of ['', '0', 'never', new Date(NOW).toISOString(), `${at(0)}, ${at(0)}`, [at(0), at(0)]]) {
    t.notOk(since(field), `${field} is ignored`)
  }
  for (const lastModified of [undefined, 'yesterday']) {
    t.ok(since(at(0), { lastModified }), 'the date of the page counts')
    t.ok(since(at(1), { lastModified, date: NOW + 1 }))
    t.notOk(since(at(0), { lastModified, date: NOW + 1 }), 'the copy may be from earlier in the same second')
    t.notOk(since(at(-3000), { lastModified }))
  }
})
