import fc from 'fast-check'
import { serializeDictionary } from 'structured-headers'
import t from 'tap'
import { parseDeltaSeconds, parseFieldNames } from '../../../src/page-cache/http/cache-control.ts'
import { parseFreshnessLifetime } from '../../../src/page-cache/http/freshness.ts'
import type { Fields, FieldValue } from '../../../src/page-cache/http/fields.ts'
import { parseDirectives } from '../../../src/page-cache/http/cdn-cache-control.ts'

const NOW = Date.UTC(2026, 0, 1)
const targetedBy = (field: FieldValue) => Object.fromEntries(parseDirectives({ 'cdn-cache-control': field }).directives)

function lifetime (headers: Fields): number | undefined {
  const { directives, targeted } = parseDirectives(headers)
  return parseFreshnessLifetime(headers, directives, targeted, NOW)
}

t.test('without CDN-Cache-Control, Cache-Control applies', async (t) => {
  const { directives, targeted } = parseDirectives({ 'cache-control': ['max-age=5', 'no-store'] })
  t.same(Object.fromEntries(directives), { 'max-age': '5', 'no-store': true })
  t.notOk(targeted)
  t.equal(parseDirectives({}).directives.size, 0)
})

t.test('CDN-Cache-Control overrides Cache-Control', async (t) => {
  const expires = new Date(NOW + 10_000).toUTCString()
  t.equal(lifetime({ 'cdn-cache-control': 'max-age=60', 'cache-control': 'max-age=1, s-maxage=2', expires }), 60)
  t.equal(lifetime({ 'cdn-cache-control': 'max-age=1', 'cache-control': 'max-age=60' }), 1)
  t.equal(lifetime({ 'cdn-cache-control': 'max-age=0', expires }), 0)
  t.equal(lifetime({ 'cdn-cache-control': 'max-age=60', expires: '0' }), 60)
  t.equal(lifetime({ 'cdn-cache-control': 'must-revalidate', 'cache-control': 'max-age=60', expires }), undefined)
  t.equal(lifetime({ 'cdn-cache-control': 'max-age=99999999999' }), 2 ** 31)
  t.equal(lifetime({ 'cdn-cache-control': 'foobar, max-age=60;x=1' }), 60, 'extensions and parameters aside')
  const { directives, targeted } = parseDirectives({
    'cdn-cache-control': ['private', 'no-cache'], 'cache-control': 'no-store'
  })
  t.same(Object.fromEntries(directives), { private: true, 'no-cache': true })
  t.ok(targeted)
})

t.test('an empty or malformed CDN-Cache-Control counts as absent', async (t) => {
  for (const field of [
    '', '  ', 'max-age=60, &&&', 'MaX-aGe=60', 'max-age =60', 'max-age= 60', 'max-age=60,', 'max-age="60', 'é',
    ['max-age=60', '&'], []
  ]) {
    const { directives, targeted } = parseDirectives({ 'cdn-cache-control': field, 'cache-control': 'max-age=5' })
    t.notOk(targeted, String(field))
    t.equal(parseDeltaSeconds(directives, 'max-age'), 5)
  }
})

t.test('members of the wrong type never make a response more cacheable', async (t) => {
  for (const value of ['"60"', 'abc', '-60', '60.5', '?0', '?1', '(60)', ':AA==:', '@60', '%"60"']) {
    t.equal(lifetime({ 'cdn-cache-control': `max-age=${value}` }), 0, value)
  }
  t.equal(lifetime({ 'cdn-cache-control': 'max-age' }), 0)
  t.same(targetedBy('no-store=?0, private=?1, x=5, y=tok, z="a b"'), { private: true, x: '5', y: 'tok', z: 'a b' })
  t.same(targetedBy('max-age=5, max-age=60'), {
    'max-age': '60'
  }, 'of a member that comes twice the last counts, RFC 8941 section 3.2')
  const names = (field: string) => parseFieldNames(parseDirectives({
    'cdn-cache-control': field
  }).directives, 'private')
  t.same(names('private="A, b"'), ['a', 'b'])
  t.same(names('private=a'), ['a'])
  for (const field of ['private', 'private=("a" "b")', 'private=:AA==:', 'private=""']) {
    t.equal(names(field), 'all', field)
  }
})

t.test('parseDirectives keeps numbers, and never throws', async (t) => {
  const name = fc.constantFrom('max-age', 's-maxage', 'x', 'stale-if-error')
  fc.assert(fc.property(fc.dictionary(name, fc.integer({ min: -(10 ** 15) + 1, max: 10 ** 15 - 1 }), {
    minKeys: 1
  }), (members) => {
    const { directives, targeted } = parseDirectives({ 'cdn-cache-control': serializeDictionary(members) })
    t.ok(targeted)
    for (const [name, number] of Object.entries(members)) {
      t.equal(parseDeltaSeconds(directives, name), Math.min(Math.max(0, number), 2 ** 31))
    }
  }))
  fc.assert(fc.property(fc.string(), (field) => {
    t.doesNotThrow(() => parseDirectives({
      'cdn-cache-control': field
    }))
  }))
})
