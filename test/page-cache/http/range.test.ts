import fc from 'fast-check'
import t from 'tap'
import { type Whole, selectRange } from '../../../src/page-cache/http/range.ts'

const NOW = Date.UTC(2026, 0, 1)
const at = (seconds: number) => new Date(NOW + seconds * 1000).toUTCString()
const PAGE: Whole = { size: 10, etag: '"a"', lastModified: at(-60), date: NOW }
const of = (range: string | string[], size = 10) => selectRange({ range }, { ...PAGE, size })

t.test('selectRange selects one range of bytes', async (t) => {
  t.equal(selectRange({}, PAGE), undefined)
  for (const [field, start, end] of [
    ['bytes=0-1', 0, 1], ['bytes=1-', 1, 9], ['bytes=-1', 9, 9], ['bytes=0-', 0, 9], ['bytes=9-9', 9, 9],
    ['bytes=0-0', 0, 0],
    ['bytes=2-99', 2, 9], [`bytes=0-${'9'.repeat(400)}`, 0, 9], ['bytes=-99', 0, 9],
    [`bytes=-${'9'.repeat(400)}`, 0, 9], ['Bytes=2-3', 2, 3], ['bytes= 2-3\t', 2, 3], ['bytes=002-03', 2, 3]
  ] as const) t.same(of(field), { start, end }, field)
})

t.test('a range outside the body is unsatisfiable', async (t) => {
  for (const field of ['bytes=10-', 'bytes=10-11', 'bytes=-0', `bytes=${'9'.repeat(400)}-`]) {
    t.equal(of(field), 'unsatisfiable', field)
  }
  t.equal(of('bytes=0-', 0), 'unsatisfiable')
  t.equal(of('bytes=0-5', 0), 'unsatisfiable')
  t.equal(of('bytes=-0', 0), 'unsatisfiable')
  t.equal(of('bytes=-5', 0), undefined, 'the end of nothing is nothing')
})

t.test('any other Range gets the whole response', async (t) => {
  for (const field of [
    '', 'bytes', 'bytes=', 'bytes=-', 'bytes=a-b', 'bytes=5', 'bytes=5-4', 'bytes=99-98', 'bytes=--5', 'bytes=1-2-3',
    'bytes=1 - 2', 'bytes =1-2', 'bytes=+1-2', 'bytes=1.0-2', 'bytes=0x1-2',
    'bytes=0-1,3-4', 'bytes=0-1, ', 'bytes=,0-1', 'items=0-1', 'none', 'x bytes=0-1', ['bytes=0-1', 'bytes=3-4']
  ]) t.equal(of(field), undefined, String(field))
})

t.test('If-Range has to be a strong validator of the response', async (t) => {
  const range = (field: string | string[], page: Partial<Whole> = {}) => selectRange({
    range: 'bytes=0-1', 'if-range': field
  }, { ...PAGE, ...page }) !== undefined
  t.ok(range('"a"'))
  t.ok(range(at(-60)))
  t.ok(range('Wednesday, 31-Dec-25 23:59:00 GMT'))
  t.ok(range(at(-1), { lastModified: at(-1) }))
  for (const field of [
    '"b"', 'W/"a"', 'a', '', '*', '"a", "b"', ['"a"', '"a"'], at(-59), at(-61), 'never', [at(-60), at(-60)]
  ]) {
    t.notOk(range(field), String(field))
  }
  t.notOk(range('W/"a"', { etag: 'W/"a"' }), 'a weak tag')
  t.notOk(range('a', { etag: 'a' }), 'no tag')
  t.notOk(range(at(-60), { lastModified: undefined }))
  t.notOk(range('never', { lastModified: 'never' }))
  t.notOk(range(at(0), { lastModified: at(0), date: NOW + 999 }), 'modified in the second in which it was made')
  t.notOk(selectRange({ range: 'bytes=0-1', 'if-range': at(-60) }, {
    size: 10, etag: '"a"', lastModified: at(-60)
  }), 'made nobody knows when')
  t.equal(selectRange({ 'if-range': '"a"' }, PAGE), undefined, 'alone it is nothing')
  t.equal(selectRange({ range: 'bytes=10-', 'if-range': '"b"' }, PAGE), undefined, 'the range is of another page')
  t.equal(selectRange({ range: 'bytes=10-', 'if-range': '"a"' }, PAGE), 'unsatisfiable')
})

t.test('selectRange selects what a slice of the body would', async (t) => {
  const number = fc.nat({ max: 20 })
  const body = (size: number) => Array.from({ length: size }, (_, i) => i)
  const part = (range: ReturnType<typeof selectRange>, size: number) =>
    typeof range === 'object' ? body(size).slice(range.start, range.end + 1) : range
  fc.assert(fc.property(number, number, fc.nat({ max: 15 }), (first, more, size) => {
    const expected = body(size).slice(first, first + more + 1)
    t.same(part(of(`bytes=${first}-${first + more}`, size), size), expected.length === 0 ? 'unsatisfiable' : expected)
    t.same(part(of(`bytes=${first}-`, size), size), size > first ? body(size).slice(first) : 'unsatisfiable')
    if (first > 0 && size > 0) t.same(part(of(`bytes=-${first}`, size), size), body(size).slice(-first))
  }))
  fc.assert(fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom('bytes=', '-', ',', '5', ' ')).map((parts) =>
    parts.join(''))), (field) => {
    const range = of(field)
    t.ok(typeof range !== 'object' || (range.start >= 0 && range.start <= range.end && range.end < 10))
  }))
})
