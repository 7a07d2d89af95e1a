/* The types of bytes: a `Buffer`, every typed array and `DataView`. */

interface ViewConstructor {
  readonly prototype: object
  readonly BYTES_PER_ELEMENT?: number
  new (buffer: ArrayBuffer, byteOffset: number, length: number): ArrayBufferView
}

/** Their names. Positions are stored with values, so they must not change. */
const NAMES = [
  'Buffer', 'Uint8Array', 'DataView', 'Int8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array',
  'Uint32Array', 'Float32Array', 'Float64Array', 'BigInt64Array', 'BigUint64Array', 'Float16Array'
]
const BUFFER = 0

/** Undefined for a type that this runtime does not have. */
const CONSTRUCTORS = NAMES.map((name) => (globalThis as unknown as Record<string, ViewConstructor | undefined>)[name])

/** The position of each type, by its prototype. */
export const VIEW_TYPES: ReadonlyMap<object, number> = new Map(CONSTRUCTORS.flatMap((constructor, type) => {
  /* c8 ignore next - runtimes differ in whether they have Float16Array */
  return constructor === undefined ? [] : [[constructor.prototype, type]]
}))

/** Whether a view of this type may begin at an offset of a buffer. */
export function isAligned (type: number, byteOffset: number): boolean {
  return byteOffset % (CONSTRUCTORS[type]?.BYTES_PER_ELEMENT ?? 1) === 0
}

/** Creates a view of bytes. Throws if this runtime has no such type, or the bytes are no whole number of items. */
export function createView (
  type: number, buffer: ArrayBuffer, byteOffset: number, byteLength: number
): ArrayBufferView {
  if (type === BUFFER) return Buffer.from(buffer, byteOffset, byteLength)
  const View = CONSTRUCTORS[type]
  if (View === undefined) throw new TypeError(`This version of Node.js has no bytes of type ${type}.`)
  return new View(buffer, byteOffset, byteLength / (View.BYTES_PER_ELEMENT ?? 1))
}
