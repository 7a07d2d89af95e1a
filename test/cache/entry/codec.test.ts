import { isDeepStrictEqual } from 'node:util'
import { serialize } from 'node:v8'
import fc from 'fast-check'
import t from 'tap'
import { decodeInteger, decodeShared, decodeValue, encodeValue } from '../../../src/cache/entry/codec.ts'
import { EXACT_VALUES, REFUSED_VALUES } from '../../support/sample-values.ts'

const roundTrip = (value: unknown) => decodeValue(encodeValue(value))

const anyString = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units)), // lone surrogates, too
  fc.constantFrom('__proto__', 'toJSON', 'x'.repeat(600))
)
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(
      fc.constantFrom(null, true, false, undefined), fc.double(), fc.maxSafeInteger(), fc.bigInt(), anyString,
      fc.date({ noInvalidDate: false }), fc.uint8Array(), fc.float64Array(), fc.uint8Array().map((a) => Buffer.from(a))
    ),
    fc.array(tie('value')),
    fc.sparseArray(tie('value'), { maxLength: 100 }),
    fc.dictionary(anyString, tie('value')),
    fc.uniqueArray(tie('value')).map((values) => new Set(values)),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((pairs) => new Map(pairs))
  )
}))
const anyDefined = anyValue.filter((value) => value !== undefined)

t.test('decodeValue() and decodeShared() reverse encodeValue()', async (t) => {
  fc.assert(fc.property(anyDefined, (value) => {
    const payload = encodeValue(value)
    return isDeepStrictEqual(decodeValue(payload), value) && isDeepStrictEqual(decodeShared(payload), value)
  }))
  for (const [what, value] of Object.entries(EXACT_VALUES)) {
    const payload = encodeValue(value)
    t.ok(isDeepStrictEqual(decodeValue(payload), value), what)
    t.ok(isDeepStrictEqual(decodeShared(payload), value), `${what}, shared`)
  }
})

t.test('encodeValue() refuses what would be decoded differently, and names its path', async (t) => {
  for (const [what, [value, path, reason]] of Object.entries(REFUSED_VALUES)) {
    const message = `${path} cannot be cached: it ${reason}. Convert it to plain data first.`
    t.throws(() => encodeValue(value), { code: 'FST_ERR_LARDER_VALUE', message }, what)
  }
})

t.test('a value is encoded as JSON if that is exact and no string is long', async (t) => {
  for (const value of [null, true, 'text', '\ud800', 1.5, [1, { a: 'b' }], {}, 'x'.repeat(499)]) {
    t.equal(Buffer.from(encodeValue(value)).toString(), JSON.stringify(value))
  }
  for (const value of [-0, [undefined], 1n, new Date(), Buffer.of(1), 'x'.repeat(500)]) {
    t.equal(encodeValue(value)[0], 0xff)
  }
})

t.test('an object that occurs twice is decoded as one object', async (t) => {
  const row = { a: 1 }
  const [first, second] = roundTrip([row, row]) as [object, object]
  t.equal(first, second)
  const bare = Object.create(null)
  const { one, two } = roundTrip({ one: bare, two: new Map([[bare, 1]]) }) as { one: object, two: Map<object, 1> }
  t.equal(two.get(one), 1)
})

t.test('any number is decoded unchanged, and a safe integer is encoded as its digits', async (t) => {
  fc.assert(fc.property(fc.oneof(fc.double(), fc.maxSafeInteger()), (value) => Object.is(roundTrip(value), value)))
  fc.assert(fc.property(fc.maxSafeInteger(), (value) =>
    Buffer.from(encodeValue(value)).toString() === String(value) && decodeInteger(encodeValue(value)) === value))
})

t.test('decodeInteger() returns safe integers only', async (t) => {
  fc.assert(fc.property(anyDefined, (value) =>
    decodeInteger(encodeValue(value)) === (Number.isSafeInteger(value) && !Object.is(value, -0) ? value : undefined)))
  for (const value of ['42', '-1', -0, 1.5, 1e21, 2 ** 53, -(2 ** 53), [4], 4n]) {
    t.equal(decodeInteger(encodeValue(value)), undefined)
  }
  t.equal(decodeInteger(new Uint8Array()), undefined)
})

t.test('decodeValue() of arbitrary bytes returns a value or throws an Error', async (t) => {
  const structured = serialize({ a: [1n, new Map([[new Date(), Buffer.from('bytes')]])], b: /x/g })
  const changed = fc.array(fc.tuple(fc.nat(structured.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 })
    .map((changes) => {
      const bytes = Buffer.from(structured)
      for (const [i, byte] of changes) bytes[i] = byte
      return bytes
    })
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.concat([Buffer.of(0xff, 0x0f), bytes])),
    changed,
    fc.nat(structured.length).map((length) => structured.subarray(0, length))
  )
  fc.assert(fc.property(any, (payload) => {
    try {
      decodeValue(payload)
    } catch (error) {
      return error instanceof Error
    }
    return true
  }), { numRuns: 2_000 })
})

t.test('decodeValue() throws for numbers that encodeValue() would write differently', async (t) => {
  for (const text of ['-', '1x', '12 ', '007', '0x1f', '1e3', '-0', '1.50', '1e400', '--1', '9007199254740993']) {
    t.throws(() => decodeValue(Buffer.from(text)), Error, text)
  }
})

t.test('decodeValue() throws for bytes of a type that this runtime lacks', async (t) => {
  const payload = encodeValue(Buffer.of(1))
  payload[payload.indexOf(0x5c) + 1] = 99
  t.throws(() => decodeValue(payload), { message: 'This version of Node.js has no bytes of type 99.' })
})

t.test('decodeValue() returns bytes as a copy that shares no memory', async (t) => {
  for (const value of [Uint8Array.of(1, 2), Buffer.of(1, 2), Float64Array.of(1, 2)]) {
    for (const payload of [encodeValue(value), Buffer.from(encodeValue(value))]) {
      const first = decodeValue(payload) as typeof value
      t.equal(first.buffer.byteLength, value.byteLength)
      first[0] = 9
      t.ok(isDeepStrictEqual(decodeValue(payload), value))
    }
  }
})

t.test('encodeValue() returns bytes that retain no larger buffer', async (t) => {
  for (const value of [7, -1234567, -0, 'text', { a: 1 }, Uint8Array.of(1), Buffer.from('pooled')]) {
    const payload = encodeValue(value)
    t.equal(payload.buffer.byteLength, payload.byteLength)
  }
})

t.test('encodeValue() throws a TypeError for undefined', async (t) => {
  const message = 'undefined cannot be cached, since it means "absent". Use null.'
  t.throws(() => encodeValue(undefined), { code: 'FST_ERR_LARDER_VALUE', message })
})

t.test('decodeShared() returns bytes as views of the payload, unless they would not be aligned', async (t) => {
  const payload = encodeValue({ body: Uint8Array.of(1, 2, 3), numbers: Float64Array.of(1) })
  const shared = decodeShared(payload) as { body: Uint8Array, numbers: Float64Array }
  t.strictSame(shared.body, Uint8Array.of(1, 2, 3))
  t.equal(shared.body.buffer, payload.buffer)
  t.strictSame(shared.numbers, Float64Array.of(1))
  t.equal(decodeShared(encodeValue(7)), 7)
})

t.test('deep values are decoded far down the stack', async (t) => {
  const payload = encodeValue(EXACT_VALUES['a tree of 500 levels that is not JSON'])
  const decodeBelow = (depth: number): unknown => depth === 0 ? decodeValue(payload) : decodeBelow(depth - 1)
  t.doesNotThrow(() => decodeBelow(2_000))
})
