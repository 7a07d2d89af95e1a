import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { type Entry, frameEntry, frameHead, frameLease, frameTimes, unframeEntry, unframeLease } from '../../src/cache/entry.ts'

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
    const frame = frameEntry(entry)
    const back = unframeEntry(frame)!
    // Scripts compare frames byte by byte, so what was read must make the same frame again.
    return isDeepStrictEqual(back, entry) && frameEntry(back).equals(frame)
  }))
})

t.test('a frame may stand anywhere in a larger buffer, and what is read holds none of it', async (t) => {
  fc.assert(fc.property(anyEntry, fc.uint8Array(), (entry, before) => {
    const reply = Buffer.concat([before, frameEntry(entry), before])
    const back = unframeEntry(reply.subarray(before.length, reply.length - before.length))!
    return isDeepStrictEqual(back, entry) && back.payload.buffer.byteLength === entry.payload.length
  }))
})

t.test('the times stand where a script expects them', async (t) => {
  fc.assert(fc.property(anyEntry, time, time, (entry, freshUntil, staleUntil) => {
    const frame = frameEntry(entry)
    frameTimes(freshUntil, staleUntil).copy(frame, 10)
    return isDeepStrictEqual(unframeEntry(frame), { ...entry, freshUntil, staleUntil })
  }))
})

t.test('a frame that is cut is none, or one whose payload is cut', async (t) => {
  fc.assert(fc.property(anyEntry, fc.nat(), (entry, cut) => {
    const frame = frameEntry(entry)
    const part = frame.subarray(0, cut % frame.length)
    const back = unframeEntry(part)
    const payloadAt = frame.length - entry.payload.length
    if (unframeEntry(frame.subarray(0, payloadAt)) !== undefined) return false
    return part.length <= payloadAt ? back === undefined : isDeepStrictEqual(back, { ...entry, payload: entry.payload.slice(0, part.length - payloadAt) })
  }))
})

t.test('arbitrary bytes are no frame, also behind our magic and format', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => unframeEntry(Buffer.from(bytes)) === undefined))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
    unframeEntry(Buffer.concat([Buffer.of(0xc1, 1), bytes])) // must not throw
  }))
})

t.test('meta data of another shape are none of ours', async (t) => {
  const frame = frameEntry({ payload: Uint8Array.of(1), storedAt: 1, freshUntil: 2, staleUntil: 3, tags: [], stamp: '' })
  const withMeta = (...meta: number[]) => {
    const bytes = Buffer.concat([frame.subarray(0, 30), Buffer.from(meta), Buffer.of(1)])
    bytes.writeUInt32BE(meta.length, 26)
    return unframeEntry(bytes)
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
  t.strictSame(frameEntry({ ...entry, loadMs: undefined, retry: undefined }), frameEntry(entry))
  t.equal(frameEntry(entry).length, 34)
})

t.test('the head of a frame is all but its payload', async (t) => {
  fc.assert(fc.property(anyEntry, (entry) => {
    const [head, frame] = [frameHead(entry), frameEntry(entry)]
    return frame.subarray(0, head.length).equals(head) && frame.length - head.length === entry.payload.length
  }))
})

t.test('a lease comes back, with the entry under it', async (t) => {
  const token = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes))
  fc.assert(fc.property(token, anyEntry, fc.boolean(), fc.boolean(), (token, entry, pass, timed) => {
    const lease = frameLease(token)
    if (pass) lease.write('p', 10)
    if (timed) lease.writeDoubleBE(1_800_000_000_000, 2)
    const over = Buffer.concat([lease, frameEntry(entry)])
    for (const frame of [lease, over]) {
      if (!isDeepStrictEqual(unframeLease(frame), { token, pass, timed })) return false
    }
    return unframeEntry(lease) === undefined && isDeepStrictEqual(unframeEntry(over), entry)
  }))
})

t.test('what is no lease is none', async (t) => {
  const lease = frameLease(Buffer.alloc(16))
  t.equal(unframeLease(lease.subarray(0, -1)), undefined)
  t.equal(unframeLease(Buffer.alloc(27)), undefined)
  fc.assert(fc.property(anyEntry, (entry) => unframeLease(frameEntry(entry)) === undefined))
  t.equal(unframeEntry(Buffer.concat([lease, lease])), undefined)
})

t.test('a lease holds no part of the reply that it came in', async (t) => {
  const reply = Buffer.concat([frameLease(Buffer.alloc(16, 7)), Buffer.alloc(100_000)])
  const { token } = unframeLease(reply.subarray(0, 27))!
  reply.fill(0)
  t.strictSame(token, Buffer.alloc(16, 7))
})
