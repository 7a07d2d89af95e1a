import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import type { Entry } from '../../../../src/cache/entry/entry.ts'
import {
  DecodedEntries, deserializeEntry, deserializeLease, serializeEntry, serializeHeader, serializeTimes
} from '../../../../src/cache/stores/redis/serialization.ts'

const time = fc.oneof(fc.nat(), fc.double({ noNaN: true }), fc.constant(Infinity))
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  payload: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  storedAt: time,
  freshUntil: time,
  staleUntil: time,
  tags: fc.array(fc.string({ unit: 'grapheme' })),
  stamp: fc.string({ unit: 'grapheme' }),
  loadMs: fc.double({ min: 0, minExcluded: true, noNaN: true, noDefaultInfinity: true }),
  retry: fc.record({ failures: fc.nat(), at: fc.nat() }, { noNullPrototype: true })
}, { noNullPrototype: true, requiredKeys: ['payload', 'storedAt', 'freshUntil', 'staleUntil', 'tags', 'stamp'] })

const ENTRY = { payload: Uint8Array.of(1), storedAt: 1, freshUntil: 2, staleUntil: 3, tags: [], stamp: '' }

/** A lease as scripts write it. */
function leaseBytes (token: Uint8Array, kind = 'x'): Buffer {
  const bytes = Buffer.alloc(27)
  bytes.set([0xc1, 2])
  bytes.writeDoubleBE(1_800_000_000_000, 2)
  bytes.write(kind, 10)
  bytes.set(token, 11)
  return bytes
}

t.test('deserializeEntry() reverses serializeEntry(), and each entry has only one form in bytes', async (t) => {
  fc.assert(fc.property(anyEntry, (entry) => {
    const bytes = serializeEntry(entry)
    const decoded = deserializeEntry(bytes)!
    // Scripts compare entries byte by byte.
    return isDeepStrictEqual(decoded, entry) && serializeEntry(decoded).equals(bytes)
  }))
})

t.test('deserializeEntry() reads from the middle of a larger buffer, and retains none of it', async (t) => {
  fc.assert(fc.property(anyEntry, fc.uint8Array(), (entry, other) => {
    const reply = Buffer.concat([other, serializeEntry(entry), other])
    const decoded = deserializeEntry(reply.subarray(other.length, reply.length - other.length))!
    return isDeepStrictEqual(decoded, entry) && decoded.payload.buffer.byteLength === entry.payload.length
  }))
})

t.test('serializeTimes() gives the bytes at offset 10 of an entry, which scripts replace', async (t) => {
  fc.assert(fc.property(anyEntry, time, time, (entry, freshUntil, staleUntil) => {
    const bytes = serializeEntry(entry)
    serializeTimes(freshUntil, staleUntil).copy(bytes, 10)
    return isDeepStrictEqual(deserializeEntry(bytes), { ...entry, freshUntil, staleUntil })
  }))
})

t.test('truncated bytes are no entry, unless only the payload is cut', async (t) => {
  fc.assert(fc.property(anyEntry, fc.nat(), (entry, cut) => {
    const bytes = serializeEntry(entry)
    const part = bytes.subarray(0, cut % bytes.length)
    const payloadAt = bytes.length - entry.payload.length
    if (deserializeEntry(bytes.subarray(0, payloadAt)) !== undefined) return false
    const expected = part.length <= payloadAt
      ? undefined
      : { ...entry, payload: entry.payload.slice(0, part.length - payloadAt) }
    return isDeepStrictEqual(deserializeEntry(part), expected)
  }))
})

t.test('arbitrary bytes are no entry, and never make deserializeEntry() throw', async (t) => {
  const anyBytes = fc.uint8Array({ maxLength: 100 })
  fc.assert(fc.property(anyBytes, (bytes) => deserializeEntry(Buffer.from(bytes)) === undefined))
  fc.assert(fc.property(anyBytes, (bytes) => {
    deserializeEntry(Buffer.concat([Buffer.of(0xc1, 1), bytes])) // must not throw
  }))
})

t.test('metadata of another shape are no entry', async (t) => {
  const entryBytes = serializeEntry(ENTRY)
  const withMetadata = (metadata: string) => {
    const bytes = Buffer.concat([entryBytes.subarray(0, 30), Buffer.from(metadata), Buffer.of(1)])
    bytes.writeUInt32BE(metadata.length, 26)
    return deserializeEntry(bytes)
  }
  t.match(withMetadata('["",[]]'), { stamp: '', tags: [] })
  t.equal(withMetadata('5'), undefined, 'a number')
  t.equal(withMetadata('[5,[]]'), undefined, 'a stamp that is a number')
  t.equal(withMetadata('["",5]'), undefined, 'tags that are a number')
  t.equal(withMetadata('[""]'), undefined, 'no tags')
  t.equal(withMetadata('["",'), undefined, 'truncated')
  t.equal(withMetadata(''), undefined, 'empty')
})

t.test('an entry without loadMs and retry has no bytes for them', async (t) => {
  t.strictSame(serializeEntry({ ...ENTRY, loadMs: undefined, retry: undefined }), serializeEntry(ENTRY))
  t.equal(serializeEntry(ENTRY).length, 38)
})

t.test('serializeHeader() gives all bytes of an entry but its payload', async (t) => {
  fc.assert(fc.property(anyEntry, (entry) => {
    const [header, bytes] = [serializeHeader(entry), serializeEntry(entry)]
    const isPrefix = bytes.subarray(0, header.length).equals(header)
    return isPrefix && bytes.length - header.length === entry.payload.length
  }))
})

t.test('deserializeLease() reads a lease, and deserializeEntry() the stale entry under it', async (t) => {
  const anyToken = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes))
  fc.assert(fc.property(anyToken, anyEntry, fc.boolean(), (token, entry, hitForMiss) => {
    const alone = leaseBytes(token, hitForMiss ? 'p' : 'x')
    const overEntry = Buffer.concat([alone, serializeEntry(entry)])
    for (const bytes of [alone, overEntry]) {
      if (!isDeepStrictEqual(deserializeLease(bytes), { token, hitForMiss })) return false
    }
    return deserializeEntry(alone) === undefined && isDeepStrictEqual(deserializeEntry(overEntry), entry)
  }))
})

t.test('other bytes are no lease', async (t) => {
  const lease = leaseBytes(Buffer.alloc(16))
  t.equal(deserializeLease(lease.subarray(0, -1)), undefined)
  t.equal(deserializeLease(Buffer.alloc(27)), undefined)
  fc.assert(fc.property(anyEntry, (entry) => deserializeLease(serializeEntry(entry)) === undefined))
  t.equal(deserializeEntry(Buffer.concat([lease, lease])), undefined)
})

t.test('deserializeLease() retains no part of the reply', async (t) => {
  const reply = Buffer.concat([leaseBytes(Buffer.alloc(16, 7)), Buffer.alloc(100_000)])
  const { token } = deserializeLease(reply.subarray(0, 27))!
  reply.fill(0)
  t.strictSame(token, Buffer.alloc(16, 7))
})

t.test('DecodedEntries returns the same object for equal bytes, unless the entry is large', async (t) => {
  const decoded = new DecodedEntries()
  const bytes = serializeEntry(ENTRY)
  const entry = decoded.read('name', Buffer.from(bytes))
  t.strictSame(entry, ENTRY)
  t.equal(decoded.read('name', Buffer.from(bytes)), entry)
  const changed = decoded.read('name', serializeEntry({ ...ENTRY, stamp: '1' }))
  t.match(changed, { stamp: '1' })
  t.equal(decoded.read('name', serializeEntry({ ...ENTRY, stamp: '1' })), changed)
  t.equal(decoded.read('name', Buffer.of(1)), undefined)

  const large = serializeEntry({ ...ENTRY, payload: new Uint8Array(300_000) })
  t.not(decoded.read('large', large), decoded.read('large', large))
})
