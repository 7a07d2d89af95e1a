import fc from 'fast-check'
import t, { type Test } from 'tap'
import { normalizeVaryValue, parseVary } from '../../../src/page-cache/http/vary.ts'

t.test('parseVary returns sorted names in lower case', async (t) => {
  t.same(parseVary(undefined), [])
  t.same(parseVary(''), [])
  t.same(parseVary(' , '), [])
  t.same(parseVary('Foo'), ['foo'])
  t.same(parseVary(' X-B ,,\tx-a, X-A '), ['x-a', 'x-b'])
  t.same(parseVary(['Foo, Bar', 'baz', 'BAR']), ['bar', 'baz', 'foo'])
  for (const field of ['*', '*, *', ['*', '*'], ', *', ['', '*'], '*, Foo', 'Foo, *', ['foo', 'bar, *']]) {
    t.same(parseVary(field), ['*'], String(field))
  }
  for (const field of ['foo bar', 'a; b', '"foo, *"', 'a, "', 'é']) {
    t.same(parseVary(field), ['*'], `${field} might be any`)
  }
})

/** All the requests say the same. */
function same (t: Test, name: string, ...values: Array<string | string[]>): void {
  for (const value of values) {
    t.equal(normalizeVaryValue(name, value), normalizeVaryValue(name, values[0]), `${name}: ${value}`)
  }
}

/** No two of the requests say the same. */
function differ (t: Test, name: string, ...values: Array<string | string[] | undefined>): void {
  t.equal(new Set(values.map((value) =>
    normalizeVaryValue(name, value))).size, values.length, `${name}: ${values.join(' | ')}`)
}

t.test('normalizeVaryValue distinguishes an absent field from an empty one', async (t) => {
  for (const name of ['foo', 'cookie', 'accept', 'accept-language', 'accept-encoding']) {
    t.equal(normalizeVaryValue(name, undefined), null)
    t.equal(normalizeVaryValue(name, ''), '')
    t.equal(normalizeVaryValue(name, ' '), '')
    t.equal(normalizeVaryValue(name, []), '')
  }
})

t.test('a list of unknown grammar keeps its elements and their order', async (t) => {
  same(t, 'foo', '1,2', ' 1, 2 ', '1\t,2', ['1', '2'], ['1 ', ' 2'])
  same(t, 'foo', '1', ' 1 ', ['1'])
  same(t, 'foo', '"a , b", c', '"a , b" ,c', ['"a , b"', 'c'])
  differ(
    t, 'foo', undefined, '', '1', '2', '1,2', '2,1', '1 2', '12', '1,,2', '1,2,', ',1,2', '"1,2"', '"1, 2"', '"1 ,2"',
    '"1', '1"', 'A', 'a'
  )
  differ(t, 'foo', 'Ã', 'Ã\u00a0') // in UTF-8: half a letter, and a whole one
})

t.test('a field that is not a list is only trimmed', async (t) => {
  differ(t, 'cookie', 'a=1, 2', 'a=1,2', 'a=1,', 'a=1')
  differ(t, 'user-agent', 'x (a, b)', 'x (a,b)')
  same(t, 'cookie', 'a=1; b=2', ['a=1', 'b=2'], ' a=1; b=2 ')
  same(t, 'user-agent', 'x, y', ['x', 'y'])
})

t.test('Accept-Language is case-insensitive, and keeps its order', async (t) => {
  same(t, 'accept-language', 'en, de', 'eN, De', ' en ,   de', ['en', 'de'], 'en,,de,')
  same(t, 'accept-language', 'en;q=0.5', 'EN ; Q=0.5', 'en\t;\tq=0.5')
  differ(t, 'accept-language', 'en, de', 'de, en', 'en', 'de', 'en, de;q=0.5', 'en;q=0.5, de', 'en-de', 'en;q=0.50')
})

t.test('Accept-Encoding is case-insensitive, in any order', async (t) => {
  for (const name of ['accept-encoding', 'accept-charset']) {
    same(t, name, 'gzip, br', 'br, gzip', 'GZIP,Br', ['br', 'gzip'])
    same(t, name, 'gzip;q=0.5, br, *;q=0', '*; q=0, br, gzip ;q=0.5')
    differ(t, name, 'gzip, br', 'gzip', 'br', 'gzip, br;q=0', 'gzip;q=0, br', '*', '')
    differ(t, name, 'gzip, gzip;q=0', 'gzip;q=0, gzip')
  }
})

t.test('media types are case-insensitive, the values of their parameters are not', async (t) => {
  same(t, 'accept', 'text/html, */*;q=0.1', 'Text/HTML,*/*; Q=0.1', ['text/html', '*/*;q=0.1'], 'text/html,,*/* ;q=0.1')
  same(t, 'accept', 'a/b;P=X', 'A/B; p=X')
  differ(t, 'accept', 'a/b;p=X', 'a/b;p=x', 'a/b;p', 'a/b')
  differ(t, 'accept', 'text/html, a/b', 'a/b, text/html')
  same(t, 'accept', 'a/b;p="x, y" , c/d', 'a/b;p="x, y",c/d')
  differ(t, 'accept', 'a/b;p="x; y"', 'a/b;p="x;y"', 'a/b;p="X;y"', 'a/b;p="x, y"', 'a/b;p="x,y"')
  differ(t, 'accept-language', 'a;p="x; y"', 'a;p="x;y"')
})

t.test('a memoized value is the value that would be computed', async (t) => {
  const long = `fr;q=0.1, ${'x'.repeat(400)}`
  for (const value of ['EN, de', long, 'EN, de', long]) {
    t.equal(normalizeVaryValue('accept-language', value), value.toLowerCase().replace(' ', ''))
  }
  t.equal(normalizeVaryValue('accept-encoding', 'EN, de'), 'de,en', 'of another field')
  for (let i = 0; i < 3_000; i++) normalizeVaryValue('accept-language', `X-${i}`)
  t.equal(normalizeVaryValue('accept-language', 'EN, de'), 'en,de')
})

const blank = fc.constantFrom('', ' ', '\t', '  ')
const word = fc.string({
  unit: fc.constantFrom('a', 'B', '1', '=', ';', '\\', 'é', '\u00a0', ' x'), minLength: 1, maxLength: 4
}).filter((text) => !text.startsWith(' '))
const quoted = fc.string({
  unit: fc.constantFrom('a', ',', ' ', ', ', '\\"', '\\\\'), maxLength: 4
}).map((text) => `"${text}"`)
const element = fc.oneof(word, quoted, fc.tuple(word, quoted).map(([name, value]) => name + value))
const elements = fc.array(element, { minLength: 1, maxLength: 4 })
const KNOWN = ['accept', 'accept-language', 'accept-encoding', 'accept-charset']

t.test('white space around commas and the division into lines do not matter', async (t) => {
  fc.assert(fc.property(fc.constantFrom('foo', ...KNOWN), elements, fc.array(blank, {
    minLength: 8, maxLength: 8
  }), fc.nat(4), (name, elements, blanks, at) => {
    const spaced = elements.map((element, i) => blanks[i * 2] + element + blanks[i * 2 + 1])
    const normal = normalizeVaryValue(name, elements.join(','))
    t.equal(normalizeVaryValue(name, spaced.join(',')), normal)
    if (at > 0 && at < elements.length) {
      t.equal(normalizeVaryValue(name, [
        spaced.slice(0, at).join(','), spaced.slice(at).join(',')
      ]), normal)
    }
    t.equal(normalizeVaryValue(name, normal!), normal, 'and the form is final')
  }))
})

t.test('lists that differ have different normal forms', async (t) => {
  fc.assert(fc.property(elements, elements, (one, other) => {
    t.equal(
      normalizeVaryValue('foo', one.join(', ')) === normalizeVaryValue('foo', other.join(', ')),
      JSON.stringify(one) === JSON.stringify(other)
    )
  }), { numRuns: 500 })
  const coding = fc.tuple(fc.constantFrom('gzip', 'br', 'BR', '*'), fc.constantFrom('', ';q=0', '; q=0.5'))
  const ascending = (codings: string[][]) =>
    JSON.stringify(codings.map(([name, weight]) => `${name!.toLowerCase()}${weight!.replace(' ', '')}`).sort())
  const apart = fc.uniqueArray(coding, { selector: ([name]) => name.toLowerCase(), maxLength: 3 })
  fc.assert(fc.property(apart, apart, (one, other) => {
    const normalize = (codings: string[][]) =>
      normalizeVaryValue('accept-encoding', codings.map((parts) => parts.join('')).join(', '))
    t.equal(normalize(one) === normalize(other), ascending(one) === ascending(other))
  }), { numRuns: 500 })
})
