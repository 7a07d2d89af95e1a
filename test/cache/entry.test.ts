import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { type Entry, frameEntry, frameTimes, unframeEntry } from '../../src/cache/entry.ts'

const time = fc.oneof(fc.nat(), fc.double({ noNaN: true }), fc.constant(Infinity))
const anyEntry: fc.Arbitrary<Entry> = fc.record({
  payload: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  storedAt: time,
  freshUntil: time,
  staleUntil: time,
  tags: fc.array(fc.string({ unit: 'grapheme' })),
  stamp: fc.string({ unit: 'grapheme' })
}, { noNullPrototype: true })

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
