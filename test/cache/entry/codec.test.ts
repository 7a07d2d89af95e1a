import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { decodeInteger, decodeShared, decodeValue, encodeValue } from '../../../src/cache/entry/codec.ts'

const roundTrip = (value: unknown) => decodeValue(encodeValue(value))

/** Object keys that every decoder takes; MessagePack's refuses `__proto__`. */
const key = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__proto__')
/** Numbers within another value; there -0 becomes 0. */
const number = fc.double().map((value) => value + 0)
const date = fc.date({ noInvalidDate: false })
const bytes = fc.uint8Array()

const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.oneof(fc.constantFrom(null, true, false), number, fc.maxSafeInteger(), fc.bigInt(), fc.string({ unit: 'grapheme' }), date, bytes),
    fc.array(tie('value')),
    fc.dictionary(key, tie('value'), { noNullPrototype: true }),
    fc.uniqueArray(tie('value')).map((values) => new Set(values)),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((pairs) => new Map(pairs))
  )
}))

t.test('any value comes back as it was', async (t) => {
  fc.assert(fc.property(anyValue, (value) => isDeepStrictEqual(roundTrip(value), value)))
})

t.test('any number comes back as it was, and a safe integer is its digits', async (t) => {
  fc.assert(fc.property(fc.oneof(fc.double(), fc.maxSafeInteger()), (value) => Object.is(roundTrip(value), value)))
  fc.assert(fc.property(fc.maxSafeInteger(), (value) =>
    Buffer.from(encodeValue(value)).toString() === String(value) && decodeInteger(encodeValue(value)) === value))
})

t.test('only a safe integer is taken for one', async (t) => {
  fc.assert(fc.property(anyValue, (value) =>
    decodeInteger(encodeValue(value)) === (Number.isSafeInteger(value) ? value : undefined)))
  for (const value of ['42', '-1', -0, 1.5, 2 ** 53, -(2 ** 53), [4], 4n]) t.equal(decodeInteger(encodeValue(value)), undefined)
  t.equal(decodeInteger(new Uint8Array()), undefined)
})

t.test('arbitrary bytes are read or refused, and nothing else happens', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (payload) => {
    try {
      decodeValue(payload)
    } catch (error) {
      return error instanceof Error
    }
    return true
  }), { numRuns: 300 })
})

t.test('bytes that begin like an integer and are none are refused', async (t) => {
  for (const text of ['-', '1x', '12 ', '007', '0x1f', '1e3', '-0', '1.5', '1e400', '--1', '9007199254740993']) {
    t.throws(() => decodeValue(Buffer.from(text)), RangeError, text)
  }
})

t.test('bytes are handed out as a copy of what is kept, and plainly as Uint8Array', async (t) => {
  for (const value of [Uint8Array.of(1, 2), Buffer.of(1, 2)]) {
    for (const payload of [encodeValue(value), Buffer.from(encodeValue(value))]) {
      const first = decodeValue(payload) as Uint8Array
      t.equal(first.constructor, Uint8Array)
      first[0] = 9
      t.strictSame(decodeValue(payload), Uint8Array.of(1, 2))
    }
  }
})

t.test('a payload holds no more memory than its own bytes', async (t) => {
  for (const value of [7, -1234567, -0, 'text', { a: 1 }, Uint8Array.of(1), Buffer.from('pooled')]) {
    const payload = encodeValue(value)
    t.equal(payload.buffer.byteLength, payload.byteLength)
  }
})

t.test('what is undefined is dropped from an object, and a null in a list', async (t) => {
  t.ok(isDeepStrictEqual(roundTrip({ a: undefined, b: 1 }), { b: 1 }))
  t.ok(isDeepStrictEqual(roundTrip([undefined, 1]), [null, 1]))
})

t.test('a negative zero stays one by itself, and becomes zero within another value', async (t) => {
  t.ok(Object.is(roundTrip(-0), -0))
  t.ok(Object.is((roundTrip([-0]) as number[])[0], 0))
})

t.test('an object of a class comes back as a plain one', async (t) => {
  class Product { title = 'cheese' }
  t.ok(isDeepStrictEqual(roundTrip(new Product()), { title: 'cheese' }))
})

t.test('what cannot be kept is a TypeError that says so', async (t) => {
  t.throws(() => encodeValue(undefined), { name: 'TypeError', message: 'undefined cannot be cached, since it means "absent"; use null' })
  const circle: unknown[] = []
  circle.push(circle)
  const circularMap = new Map<string, unknown>()
  circularMap.set('self', circularMap)
  for (const value of [() => 1, Symbol('s'), { deep: [() => 1] }, circle, circularMap]) {
    t.throws(() => encodeValue(value), { name: 'TypeError', message: /^this value cannot be cached: / })
  }
  t.equal(roundTrip('still at work'), 'still at work')
})

t.test('bytes are copied for who may change them, and shared with who does not', async (t) => {
  const payload = encodeValue({ body: Uint8Array.of(1, 2, 3) })
  const shared = decodeShared(payload) as { body: Uint8Array }
  t.same(shared, { body: Uint8Array.of(1, 2, 3) })
  t.equal(shared.body.buffer, payload.buffer)
  t.not((decodeValue(payload) as { body: Uint8Array }).body.buffer, payload.buffer)
  t.equal(decodeShared(encodeValue(7)), 7)
})
