import fc from 'fast-check'
import t from 'tap'
import {
  parseDeltaSeconds, formatBeforeMaxAge, parseFieldNames, parseCacheControl
} from '../../../src/page-cache/http/cache-control.ts'

const read = (...lines: string[]) => Object.fromEntries(parseCacheControl(lines))
const seconds = (...lines: string[]) => parseDeltaSeconds(parseCacheControl(lines), 'max-age')

t.test('parseCacheControl parses directives and their arguments', async (t) => {
  t.same(read('Max-Age=60, Private, x=1 ,,ext="a\\"b, c",empty=""'), {
    'max-age': '60', private: true, x: '1', ext: 'a"b, c', empty: ''
  })
  t.same(parseCacheControl('a=1, b'), parseCacheControl(['a=1', 'b']), 'in one line or several')
  t.equal(parseCacheControl(undefined).size, 0)
  t.equal(parseCacheControl('').size, 0)
  t.same([...parseCacheControl(5)], [['5', true]])
})

t.test('an argument that is not a number of seconds counts as 0', async (t) => {
  for (const [field, expected] of [
    ['max-age=60', 60], ['MaX-aGe=60', 60], ['max-age="60"', 60], ['max-age=0060', 60], ['foobar, max-age=60', 60],
    ['max-age=0', 0],
    ['max-age=2147483647', 2 ** 31 - 1], ['max-age=2147483648', 2 ** 31], ['max-age=2147483649', 2 ** 31],
    [`max-age=${'9'.repeat(400)}`, 2 ** 31],
    ['max-age=-60', 0], ['max-age=+60', 0], ['max-age=60.0', 0], ['max-age=60.5', 0], ['max-age=1e3', 0],
    ['max-age=0x60', 0], ['max-age=a60', 0], ['max-age=60a', 0],
    ['max-age', 0], ['max-age=', 0], ['max-age=""', 0], ["max-age='60'", 0], ['max-age =60', 0], ['max-age= 60', 0],
    ['max-age=6 0', 0], ['max-age=" 60"', 0],
    ['max-age=60; public', 0], ['max-age=60"', 0], ['max-age="60', 0], ['public', undefined],
    ['x-max-age=60', undefined]
  ] as const) t.equal(seconds(field), expected, field)
})

t.test('of a repeated lifetime the smaller one applies', async (t) => {
  for (const fields of [
    ['max-age=60, max-age=5'], ['max-age=5, max-age=60'], ['max-age=60', 'max-age=5'], ['max-age=5', 'max-age="60"']
  ]) {
    t.equal(seconds(...fields), 5, String(fields))
  }
  for (const other of ['max-age', 'max-age=abc', 'max-age=-1', 'max-age = 5']) {
    t.equal(seconds(`max-age=60, ${other}`), 0, other)
    t.equal(seconds(other, 'max-age=60'), 0, other)
  }
  t.same(read('x=2, x=1'), { x: '2' }, 'of one that is not known the first')
  fc.assert(fc.property(fc.array(fc.nat(), { minLength: 1 }), fc.boolean(), (numbers, apart) => {
    const elements = numbers.map((number) => `max-age=${number}`)
    t.equal(apart ? seconds(...elements) : seconds(elements.join(', ')), Math.min(...numbers))
  }))
})

t.test('a directive in a quoted string does not apply', async (t) => {
  for (const field of [
    'ext="max-age=60", max-age=1', 'max-age=1, ext="max-age=60"', 'ext="a, max-age=60, b", max-age="1"',
    'ext="\\", max-age=60", max-age=1'
  ]) {
    t.equal(seconds(field), 1, field)
  }
  t.same(read('ext="no-store, private"'), { ext: 'no-store, private' })
})

t.test('a malformed element can only restrict', async (t) => {
  t.same(read('public; no-store'), { 'no-store': true })
  t.same(read('Private; max-age=60'), { private: true, 'max-age': true })
  t.same(read('no-store max-age=60'), { 'no-store': true, 'max-age': true })
  t.same(read('no-cache = "a"'), { 'no-cache': true })
  t.same(read('no-cache=a b, max-age=5'), { 'no-cache': true, 'max-age': '5' })
  t.same(read('ext="no-store, max-age=60'), { 'no-store': true, 'max-age': true }, 'a quote that is not closed')
  t.same(read('ext="a', 'max-age=60"', 'no-store'), { 'max-age': true, 'no-store': true })
  t.same(read('foo="a"b", no-store, bar="x"'), { 'no-store': true })
  t.same(read('=, ;, "", =5, @'), {})
})

t.test('parseFieldNames returns the field names of no-cache and private', async (t) => {
  const names = (field: string | string[]) => parseFieldNames(parseCacheControl(field), 'no-cache')
  t.equal(names('private'), undefined)
  for (const field of [
    'no-cache', 'no-cache=""', 'no-cache=" , "', 'no-cache="a b"', 'no-cache="a, @"', 'no-cache=', 'No-Cache; x'
  ]) {
    t.equal(names(field), 'all', field)
  }
  t.same(names('no-cache="A, b"'), ['a', 'b'])
  t.same(names('no-cache=",Set-Cookie\t,"'), ['set-cookie'])
  t.same(names('no-cache=a'), ['a'], 'also without quotes')
  t.same(names('no-cache="a", no-cache="b"'), ['a', 'b'])
  t.same(names(['no-cache="a"', 'no-cache="b, c"']), ['a', 'b', 'c'])
  for (const field of [
    'no-cache, no-cache="a"', 'no-cache="a", no-cache', 'no-cache="", no-cache="a"', 'no-cache="a", no-cache=""'
  ]) {
    t.equal(names(field), 'all', field)
  }
  t.same(parseFieldNames(parseCacheControl('private="X-A"'), 'private'), ['x-a'])
})

t.test('formatBeforeMaxAge replaces max-age and keeps the other directives', async (t) => {
  const again = (field: string) => formatBeforeMaxAge(parseCacheControl(field)) + 5
  t.equal(again(''), 'max-age=5')
  t.equal(again('public, max-age=60, s-maxage=9, ext="a b", n=1, e=""'), 'public, ext="a b", n=1, e="", max-age=5')
  t.equal(again('no-cache="a", private=b'), 'no-cache="a", private="b", max-age=5', 'names are quoted')
})

t.test('parseCacheControl parses what formatBeforeMaxAge writes', async (t) => {
  const name = fc.constantFrom('a', 'x-b', 'no-cache', 'private', 'public', 'stale-if-error')
  const value = fc.option(fc.string({
    unit: fc.constantFrom('a', '1', ' ', ',', '"', '\\', '\t', '=', 'é'), maxLength: 6
  }), { nil: true as const })
  fc.assert(fc.property(fc.array(fc.tuple(name, value)), (entries) => {
    const directives = new Map<string, string | true>(entries)
    t.same(parseCacheControl(formatBeforeMaxAge(directives) + 5), new Map([...directives, ['max-age', '5']]))
  }))
})

t.test('adding a directive never makes a field less strict', async (t) => {
  const part = fc.constantFrom(
    'max-age', 's-maxage', '=', '5', '60', '"', ',', ' ', ';', '\\', 'a', 'no-store', 'no-cache', "'", '-'
  )
  const field = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''))
  fc.assert(fc.property(field, field, (one, other) => {
    const alone = parseCacheControl(one)
    const both = parseCacheControl([one, other])
    for (const name of ['no-store', 'no-cache']) t.ok(!alone.has(name) || both.has(name))
    for (const name of ['max-age', 's-maxage']) {
      t.ok((parseDeltaSeconds(both, name) ?? 0) <= (parseDeltaSeconds(alone, name) ?? Infinity))
    }
  }))
  fc.assert(fc.property(fc.string(), (text) => { t.doesNotThrow(() => parseCacheControl(text)) }))
})
