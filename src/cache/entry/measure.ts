/** Names of properties that were measured. Objects with the same names share the memory for them. */
const knownNames = new Set<string>()
const MAX_NAMES = 10_000
const NEW_NAME_BYTES = 150

/** Length from which V8 stores an array as a table of the items that it has. */
const MAX_SLOTS = 32 * 1024 * 1024

/**
 * Freezes the arrays and plain objects in a value, and returns the bytes that it takes on the heap, about, as measured
 * on Node 24. Other objects, e.g. a Date, keep their state where freezing cannot reach it.
 */
export function freezeAndMeasure (value: unknown): number {
  const seen = new Set<object>()

  function measure (value: unknown): number {
    switch (typeof value) {
      case 'string': return 24 + value.length * (isLatin1(value) ? 1 : 2)
      case 'number': return (value | 0) === value ? 0 : 16 // only small integers are stored in place
      case 'bigint': return 24 + value.toString(16).length / 2
      case 'object': return value === null || seen.has(value) ? 0 : measureObject(value)
      default: return 0
    }
  }

  function measureObject (object: object): number {
    seen.add(object)
    if (Array.isArray(object)) {
      // Holes take as much as items.
      const names = Object.keys(object).length
      return measureItems(object, 56 + 8 * (object.length > MAX_SLOTS ? 6 * names : Math.max(object.length, names)))
    }
    if (object instanceof Map) return measureItems([...object].flat(), 150 + 40 * object.size)
    if (object instanceof Set) return measureItems([...object], 150 + 30 * object.size)
    if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer) return 250 + object.byteLength
    if (object instanceof Date || object instanceof RegExp) return 100
    const names = Object.keys(object)
    const bytes = names.reduce((sum, name) => sum + measureName(name), 40 + 8 * Math.max(4, names.length))
    return measureItems(object, bytes)
  }

  function measureItems (object: object, bytes: number): number {
    Object.freeze(object)
    return Object.values(object).reduce<number>((sum, item) => sum + measure(item), bytes)
  }

  return Math.ceil(measure(value))
}

function measureName (name: string): number {
  if (knownNames.has(name)) return 0
  if (knownNames.size >= MAX_NAMES) knownNames.clear()
  knownNames.add(name)
  return NEW_NAME_BYTES + name.length
}

function isLatin1 (text: string): boolean {
  return /^[\0-\xff]*$/.test(text)
}
