import { Deserializer, Serializer } from 'node:v8'
import { createView, isAligned, VIEW_TYPES } from './views.ts'

/*
 * The format in which V8 clones objects. Node documents that later versions can read it. Bytes are written here: V8
 * itself would write the whole buffer under a view, and would read a Buffer as a Uint8Array.
 */

/** The first byte of this format. It begins no JSON text. */
export const STRUCTURED_MARK = 0xff

/**
 * Encodes a value that `checkValue` has checked.
 *
 * @param nullPrototype the objects in it without a prototype, which V8 would decode with one
 */
export function encodeStructured (value: unknown, nullPrototype: readonly object[]): Uint8Array<ArrayBuffer> {
  const serializer = new ValueSerializer()
  serializer.writeHeader()
  // V8 preserves identity, so the list refers to the objects in the value.
  writeValue.call(serializer, nullPrototype.length === 0 ? [value] : [value, nullPrototype])
  // A copy: V8 may have reserved twice the room.
  return new Uint8Array(serializer.releaseBuffer())
}

/**
 * Decodes a value. Throws if `encodeStructured` did not write these bytes.
 *
 * @param shareBytes whether bytes in the value are views of the payload where they can be
 */
export function decodeStructured (payload: Uint8Array, shareBytes: boolean): unknown {
  const deserializer = new ValueDeserializer(payload, shareBytes)
  deserializer.readHeader()
  const [value, nullPrototype = []] = deserializer.readValue() as [unknown, object[]?]
  for (const object of nullPrototype) Object.setPrototypeOf(object, null)
  return value
}

/** The method of Node itself: an extended one, which searches values for something first, would take longer. */
const { writeValue } = Serializer.prototype

/** The methods that Node documents and its types lack. */
interface SerializerInternals {
  _setTreatArrayBufferViewsAsHostObjects (flag: boolean): void
}

class ValueSerializer extends Serializer {
  constructor () {
    super()
    ;(this as unknown as SerializerInternals)._setTreatArrayBufferViewsAsHostObjects(true)
  }

  /** Called by V8 for each view of bytes. */
  _writeHostObject (view: NodeJS.ArrayBufferView): void {
    this.writeUint32(VIEW_TYPES.get(Object.getPrototypeOf(view))!)
    this.writeUint32(view.byteLength)
    this.writeRawBytes(view)
  }
}

class ValueDeserializer extends Deserializer {
  readonly #shareBytes: boolean

  constructor (payload: Uint8Array, shareBytes: boolean) {
    super(payload)
    this.#shareBytes = shareBytes
  }

  /** Called by V8 for what `_writeHostObject` has written. */
  _readHostObject (): ArrayBufferView {
    const type = this.readUint32()
    const bytes = this.readRawBytes(this.readUint32())
    const mayShare = this.#shareBytes && isAligned(type, bytes.byteOffset)
    const { buffer, byteOffset, byteLength } = mayShare ? bytes : new Uint8Array(bytes)
    return createView(type, buffer as ArrayBuffer, byteOffset, byteLength)
  }
}
