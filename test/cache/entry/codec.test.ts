import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { decodeInteger, decodeShared, decodeValue, encodeValue } from '../../../src/cache/entry/codec.ts'

const roundTrip = (value: unknown) => decodeValue(encodeValue(value))

/** Object keys that the decoder accepts: it refuses `__proto__`. */
const key = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__proto__')
/** Numbers inside another value, where -0 becomes 0. */
const number = fc.double().map((value) => value + 0)
const date = fc.date({ noInvalidDate: false })
const bytes = fc.uint8Array()
const text = fc.string({ unit: 'grapheme' })

const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(fc.constantFrom(null, true, false), number, fc.maxSafeInteger(), fc.bigInt(), text, date, bytes),
    fc.array(tie('value')),
    fc.dictionary(key, tie('value'), { noNullPrototype: true }),
    fc.uniqueArray(tie('value')).map((values) => new Set(values)),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((pairs) => new Map(pairs))
  )
}))

t.test('decodeValue() reverses encodeValue()', async (t) => {
  fc.assert(fc.property(anyValue, (value) => isDeepStrictEqual(roundTrip(value), value)))
})

t.test('any number is decoded unchanged, and a safe integer is encoded as its digits', async (t) => {
  fc.assert(fc.property(fc.oneof(fc.double(), fc.maxSafeInteger()), (value) => Object.is(roundTrip(value), value)))
  fc.assert(fc.property(fc.maxSafeInteger(), (value) =>
    Buffer.from(encodeValue(value)).toString() === String(value) && decodeInteger(encodeValue(value)) === value))
})

t.test('decodeInteger() returns safe integers only', async (t) => {
  fc.assert(fc.property(anyValue, (value) =>
    decodeInteger(encodeValue(value)) === (Number.isSafeInteger(value) ? value : undefined)))
  for (const value of ['42', '-1', -0, 1.5, 2 ** 53, -(2 ** 53), [4], 4n]) {
    t.equal(decodeInteger(encodeValue(value)), undefined)
  }
  t.equal(decodeInteger(new Uint8Array()), undefined)
})

t.test('decodeValue() of arbitrary bytes returns a value or throws an Error', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
    try {
      decodeValue(payload)
    } catch (error) {
      return error instanceof Error
    }
    return true
  }), { numRuns: 300 })
})

t.test('decodeValue() throws if bytes begin like an integer and are not one', async (t) => {
  for (const text of ['-', '1x', '12 ', '007', '0x1f', '1e3', '-0', '1.5', '1e400', '--1', '9007199254740993']) {
    t.throws(() => decodeValue(Buffer.from(text)), RangeError, text)
  }
})

t.test('decodeValue() returns bytes as a copy, and as a plain Uint8Array', async (t) => {
  for (const value of [Uint8Array.of(1, 2), Buffer.of(1, 2)]) {
    for (const payload of [encodeValue(value), Buffer.from(encodeValue(value))]) {
      const first = decodeValue(payload) as Uint8Array
      t.equal(first.constructor, Uint8Array)
      first[0] = 9
      t.strictSame(decodeValue(payload), Uint8Array.of(1, 2))
    }
  }
})

t.test('encodeValue() returns bytes that retain no larger buffer', async (t) => {
  for (const value of [7, -1234567, -0, 'text', { a: 1 }, Uint8Array.of(1), Buffer.from('pooled')]) {
    const payload = encodeValue(value)
    t.equal(payload.buffer.byteLength, payload.byteLength)
  }
})

t.test('undefined is dropped from an object, and becomes null in an array', async (t) => {
  t.ok(isDeepStrictEqual(roundTrip({ a: undefined, b: 1 }), { b: 1 }))
  t.ok(isDeepStrictEqual(roundTrip([undefined, 1]), [null, 1]))
})

t.test('-0 stays -0 alone, and becomes 0 inside another value', async (t) => {
  t.ok(Object.is(roundTrip(-0), -0))
  t.ok(Object.is((roundTrip([-0]) as number[])[0], 0))
})

t.test('an instance of a class is decoded as a plain object', async (t) => {
  class Product { title = 'cheese' }
  t.ok(isDeepStrictEqual(roundTrip(new Product()), { title: 'cheese' }))
})

t.test('encodeValue() throws a TypeError for a value that cannot be stored', async (t) => {
  const message = 'undefined cannot be cached, since it means "absent"; use null'
  t.throws(() => encodeValue(undefined), { name: 'TypeError', message })
  const circle: unknown[] = []
  circle.push(circle)
  const circularMap = new Map<string, unknown>()
  circularMap.set('self', circularMap)
  for (const value of [() => 1, Symbol('s'), { deep: [() => 1] }, circle, circularMap]) {
    t.throws(() => encodeValue(value), { name: 'TypeError', message: /^this value cannot be cached: / })
  }
  t.equal(roundTrip('later'), 'later', 'an error leaves the encoder usable')
})

t.test('decodeShared() returns bytes as views of the payload, decodeValue() as copies', async (t) => {
  const payload = encodeValue({ body: Uint8Array.of(1, 2, 3) })
  const shared = decodeShared(payload) as { body: Uint8Array }
  t.same(shared, { body: Uint8Array.of(1, 2, 3) })
  t.equal(shared.body.buffer, payload.buffer)
  t.not((decodeValue(payload) as { body: Uint8Array }).body.buffer, payload.buffer)
  t.equal(decodeShared(encodeValue(7)), 7)
})
