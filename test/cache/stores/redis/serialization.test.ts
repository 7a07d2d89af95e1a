import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { Entry } from '../../../../src/cache/entry/entry.ts'
import {
  deserializeEntry, deserializeLease, serializeEntry, serializeHeader, serializeLease, serializeTimes
} from '../../../../src/cache/stores/redis/serialization.ts'

const time = fc.oneof(fc.nat(), fc.double({ noNaN: true }), fc.constant(Infinity))
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  payload: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  storedAt: time,
  freshUntil: time,
  staleUntil: time,
  tags: fc.array(fc.string({ unit: 'grapheme' })),
  stamp: fc.string({ unit: 'grapheme' }),
  loadMs: fc.double({ min: 0, minExcluded: true, noNaN: true }),
  retry: fc.record({ failures: fc.nat(), at: fc.nat() }, { noNullPrototype: true })
}, { noNullPrototype: true, requiredKeys: ['payload', 'storedAt', 'freshUntil', 'staleUntil', 'tags', 'stamp'] })

t.test('any entry comes back as it was, and has one frame alone', async (t) => {
  fc.assert(fc.property(anyEntry, (entry) => {
    const frame = serializeEntry(entry)
    const back = deserializeEntry(frame)!
    // Scripts compare frames byte by byte, so what was read must make the same frame again.
    return isDeepStrictEqual(back, entry) && serializeEntry(back).equals(frame)
  }))
})

t.test('a frame may stand anywhere in a larger buffer, and what is read holds none of it', async (t) => {
  fc.assert(fc.property(anyEntry, fc.uint8Array(), (entry, before) => {
    const reply = Buffer.concat([before, serializeEntry(entry), before])
    const back = deserializeEntry(reply.subarray(before.length, reply.length - before.length))!
    return isDeepStrictEqual(back, entry) && back.payload.buffer.byteLength === entry.payload.length
  }))
})

t.test('the times stand where a script expects them', async (t) => {
  fc.assert(fc.property(anyEntry, time, time, (entry, freshUntil, staleUntil) => {
    const frame = serializeEntry(entry)
    serializeTimes(freshUntil, staleUntil).copy(frame, 10)
    return isDeepStrictEqual(deserializeEntry(frame), { ...entry, freshUntil, staleUntil })
  }))
})

t.test('a frame that is cut is none, or one whose payload is cut', async (t) => {
  fc.assert(fc.property(anyEntry, fc.nat(), (entry, cut) => {
    const frame = serializeEntry(entry)
    const part = frame.subarray(0, cut % frame.length)
    const back = deserializeEntry(part)
    const payloadAt = frame.length - entry.payload.length
    if (deserializeEntry(frame.subarray(0, payloadAt)) !== undefined) return false
    return part.length <= payloadAt ? back === undefined : isDeepStrictEqual(back, { ...entry, payload: entry.payload.slice(0, part.length - payloadAt) })
  }))
})

t.test('arbitrary bytes are no frame, also behind our magic and format', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => deserializeEntry(Buffer.from(bytes)) === undefined))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    deserializeEntry(Buffer.concat([Buffer.of(0xc1, 1), bytes])) // must not throw
  }))
})

t.test('meta data of another shape are none of ours', async (t) => {
  const frame = serializeEntry({ payload: Uint8Array.of(1), storedAt: 1, freshUntil: 2, staleUntil: 3, tags: [], stamp: '' })
  const withMeta = (...meta: number[]) => {
    const bytes = Buffer.concat([frame.subarray(0, 30), Buffer.from(meta), Buffer.of(1)])
    bytes.writeUInt32BE(meta.length, 26)
    return deserializeEntry(bytes)
  }
  t.match(withMeta(0x92, 0xa0, 0x90), { stamp: '', tags: [] })
  t.equal(withMeta(0x05), undefined, 'a number')
  t.equal(withMeta(0x92, 0x05, 0x90), undefined, 'a stamp that is a number')
  t.equal(withMeta(0x92, 0xa0, 0x05), undefined, 'tags that are a number')
  t.equal(withMeta(0x91, 0xa0), undefined, 'no tags')
  t.equal(withMeta(0x92, 0xa0), undefined, 'cut')
  t.equal(withMeta(), undefined, 'nothing')
})

t.test('an entry that was not loaded, or at once, has the frame that it always had', async (t) => {
  const entry = { payload: Uint8Array.of(1), storedAt: 1, freshUntil: 2, staleUntil: 3, tags: [], stamp: '' }
  t.strictSame(serializeEntry({ ...entry, loadMs: undefined, retry: undefined }), serializeEntry(entry))
  t.equal(serializeEntry(entry).length, 34)
})

t.test('the head of a frame is all but its payload', async (t) => {
  fc.assert(fc.property(anyEntry, (entry) => {
    const [head, frame] = [serializeHeader(entry), serializeEntry(entry)]
    return frame.subarray(0, head.length).equals(head) && frame.length - head.length === entry.payload.length
  }))
})

t.test('a lease comes back, with the entry under it', async (t) => {
  const token = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes))
  fc.assert(fc.property(token, anyEntry, fc.boolean(), fc.boolean(), (token, entry, pass, timed) => {
    const lease = serializeLease(token)
    if (pass) lease.write('p', 10)
    if (timed) lease.writeDoubleBE(1_800_000_000_000, 2)
    const over = Buffer.concat([lease, serializeEntry(entry)])
    for (const frame of [lease, over]) {
      if (!isDeepStrictEqual(deserializeLease(frame), { token, pass, timed })) return false
    }
    return deserializeEntry(lease) === undefined && isDeepStrictEqual(deserializeEntry(over), entry)
  }))
})

t.test('what is no lease is none', async (t) => {
  const lease = serializeLease(Buffer.alloc(16))
  t.equal(deserializeLease(lease.subarray(0, -1)), undefined)
  t.equal(deserializeLease(Buffer.alloc(27)), undefined)
  fc.assert(fc.property(anyEntry, (entry) => deserializeLease(serializeEntry(entry)) === undefined))
  t.equal(deserializeEntry(Buffer.concat([lease, lease])), undefined)
})

t.test('a lease holds no part of the reply that it came in', async (t) => {
  const reply = Buffer.concat([serializeLease(Buffer.alloc(16, 7)), Buffer.alloc(100_000)])
  const { token } = deserializeLease(reply.subarray(0, 27))!
  reply.fill(0)
  t.strictSame(token, Buffer.alloc(16, 7))
})
