import fc from 'fast-check'
import t from 'tap'
import { combineLines, isToken, toLowerCase, splitList, trimWhitespace } from '../../../src/page-cache/http/fields.ts'

t.test('combineLines joins the lines of a field', async (t) => {
  t.equal(combineLines(undefined), undefined)
  t.equal(combineLines(''), '')
  t.equal(combineLines('a, b'), 'a, b')
  t.equal(combineLines(['a', 'b, c']), 'a, b, c')
  t.equal(combineLines([]), '')
  t.equal(combineLines(5), '5')
})

t.test('splitList splits a list at its commas, but not within quoted strings', async (t) => {
  for (const [text, ...elements] of [
    ['', ''],
    ['a', 'a'],
    [' a\t,b ,, c,', 'a', 'b', '', 'c', ''],
    ['a="x, y", b', 'a="x, y"', 'b'],
    ['a="x\\", y" , b', 'a="x\\", y"', 'b'],
    ['a="x\\\\", b', 'a="x\\\\"', 'b'],
    ['a\\"b, c", d', 'a\\"b, c"', 'd'],
    ['a, "b, c', 'a', '"b, c'],
    ['"\\', '"\\']
  ] as const) t.same(splitList(text), elements, text)
})

t.test('splitList returns the elements from which a list was written', async (t) => {
  const word = fc.string({ unit: fc.constantFrom('a', '=', ';', '\\', 'Ã\u00a0'), maxLength: 4 })
  const string = fc.string({
    unit: fc.constantFrom('a', ',', ' ', '\\"', '\\\\'), maxLength: 4
  }).map((text) => `"${text}"`)
  const element = fc.array(fc.oneof(word, string), { maxLength: 3 }).map((parts) => parts.join(''))
  fc.assert(fc.property(fc.array(element, {
    minLength: 1, maxLength: 5
  }), fc.constantFrom(',', ' ,', ',\t', ' , '), (elements, comma) => {
    t.same(splitList(elements.join(comma)), elements)
  }))
})

t.test('trimWhitespace removes spaces and tabs only', async (t) => {
  t.equal(trimWhitespace(' \t a b\t '), 'a b')
  t.equal(trimWhitespace(' \t '), '')
  t.equal(trimWhitespace('\u00a0a\u00a0'), '\u00a0a\u00a0', 'half of a letter in UTF-8')
})

t.test('toLowerCase converts the letters A to Z only', async (t) => {
  t.equal(toLowerCase('GZip;Q=1'), 'gzip;q=1')
  t.equal(toLowerCase('Ã\u00c0\u212a'), 'Ã\u00c0\u212a')
})

t.test('isToken accepts the tokens of RFC 9110 section 5.6.2', async (t) => {
  for (const text of ['a', 'X-A', "!#$%&'*+-.^_`|~09"]) t.ok(isToken(text), text)
  for (const text of ['', 'a b', 'a,', '"a"', 'a=b', 'a;', 'ä', 'a\n']) t.notOk(isToken(text), text)
})
