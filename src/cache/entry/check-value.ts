import { isDeepStrictEqual, types } from 'node:util'
import { ValueError } from '../errors.ts'
import { VIEW_TYPES, createView } from './views.ts'

/** Levels of a value. V8 decodes a value recursively, and the stack has room for about three times as many. */
const MAX_DEPTH = 500

/** Length from which a string is copied faster than it is parsed as JSON. */
const LONG_STRING = 500

const ACCESSOR = 'has a getter or setter'

/** How a value can be encoded. */
export interface ValueShape {
  /** Whether JSON represents the value exactly, and no string is so long that parsing it would take long. */
  readonly isJson: boolean
  /** The objects in it without a prototype. */
  readonly nullPrototype: readonly object[]
}

/** A part of a value that no reader would get back as it is. */
interface Unsupported {
  /** From the part that was checked last, e.g. `[3].price`. */
  path: string
  readonly reason: string
}

/**
 * Checks that a value can be encoded so that it is decoded unchanged.
 *
 * @param name of the value in messages
 * @param problem of a value for which this is not so
 * @throws ValueError with the path of its first part for which this is not so
 */
export function checkValue (value: unknown, name = 'value', problem = 'cannot be cached'): ValueShape {
  const checker = new ValueChecker()
  const unsupported = checker.check(value, 0)
  if (unsupported === undefined) return checker
  const { path, reason } = unsupported
  const shown = path.length > 300 ? `${path.slice(0, 300)}…` : path
  throw new ValueError(`${name}${shown} ${problem}: it ${reason}. Convert it to plain data first.`)
}

class ValueChecker implements ValueShape {
  isJson = true
  readonly nullPrototype: object[] = []
  readonly #seen = new Set<object>()

  /** @param depth levels above the value */
  check (value: unknown, depth: number): Unsupported | undefined {
    switch (typeof value) {
      case 'string':
        if (value.length >= LONG_STRING) this.isJson = false
        return undefined
      case 'boolean':
        return undefined
      case 'number':
        if (!Number.isFinite(value) || Object.is(value, -0)) this.isJson = false
        return undefined
      case 'undefined':
      case 'bigint':
        this.isJson = false
        return undefined
      case 'object':
        return value === null ? undefined : this.#checkObject(value, depth)
      default:
        return refuse(`is a ${typeof value}`)
    }
  }

  #checkObject (object: object, depth: number): Unsupported | undefined {
    if (this.#seen.has(object)) {
      // V8 preserves that two parts are the same object.
      this.isJson = false
      return undefined
    }
    this.#seen.add(object)
    if (depth >= MAX_DEPTH) return refuse(`is nested more than ${MAX_DEPTH} levels deep`)
    if (types.isProxy(object)) return refuse('is a Proxy')
    const prototype = Object.getPrototypeOf(object)
    if (prototype === Object.prototype) return this.#checkPlain(object, depth)
    if (prototype === Array.prototype && Array.isArray(object)) return this.#checkArray(object, depth)
    this.isJson = false
    if (prototype === null) {
      this.nullPrototype.push(object)
      return this.#checkPlain(object, depth)
    }
    if (prototype === Map.prototype && types.isMap(object)) return refuseExtras(object) ?? this.#checkMap(object, depth)
    if (prototype === Set.prototype && types.isSet(object)) return refuseExtras(object) ?? this.#checkSet(object, depth)
    return checkLeaf(object, prototype)
  }

  #checkPlain (object: object, depth: number): Unsupported | undefined {
    const names = Object.getOwnPropertyNames(object)
    if (isDisguised(object, names)) return refuse('has not the prototype of its type')
    return this.#checkProperties(object, names, depth)
  }

  #checkProperties (object: object, names: readonly string[], depth: number): Unsupported | undefined {
    for (const name of names) {
      const { value, get, set, enumerable } = Object.getOwnPropertyDescriptor(object, name)!
      const unsupported = get !== undefined || set !== undefined
        ? refuse(ACCESSOR)
        : enumerable ? this.check(value, depth + 1) : refuse('is not enumerable')
      if (unsupported !== undefined) return prepend(formatStep(name), unsupported)
    }
    return refuseSymbols(object)
  }

  #checkArray (array: readonly unknown[], depth: number): Unsupported | undefined {
    const { length } = array
    const names = Object.getOwnPropertyNames(array)
    const enumerable = Object.keys(array)
    // Indices are listed first, then `length`, which is not enumerable.
    const isDense = names.length === length + 1 && names[length] === 'length' && enumerable.length === length
    if (!isDense) {
      this.isJson = false
      return this.#checkProperties(array, names.filter((name) => name !== 'length'), depth)
    }
    for (let i = 0; i < length; i++) {
      const unsupported = isAccessor(array, i) ? refuse(ACCESSOR) : this.check(array[i], depth + 1)
      if (unsupported !== undefined) return prepend(`[${i}]`, unsupported)
    }
    return refuseSymbols(array)
  }

  #checkMap (map: ReadonlyMap<unknown, unknown>, depth: number): Unsupported | undefined {
    let i = 0
    for (const [key, value] of map) {
      const unsupportedKey = this.check(key, depth + 1)
      if (unsupportedKey !== undefined) return prepend(`.keys()[${i}]`, unsupportedKey)
      const unsupported = this.check(value, depth + 1)
      if (unsupported !== undefined) {
        return prepend(typeof key === 'string' ? `.get(${JSON.stringify(key)})` : `.values()[${i}]`, unsupported)
      }
      i++
    }
    return undefined
  }

  #checkSet (set: ReadonlySet<unknown>, depth: number): Unsupported | undefined {
    let i = 0
    for (const value of set) {
      const unsupported = this.check(value, depth + 1)
      if (unsupported !== undefined) return prepend(`.values()[${i}]`, unsupported)
      i++
    }
    return undefined
  }
}

/** Whether an item of an array is not a plain value. This costs less than to get a descriptor of each item. */
function isAccessor (array: readonly unknown[], index: number): boolean {
  if (lookUpGetter.call(array, index) !== undefined) return true
  return array[index] === undefined && lookUpSetter.call(array, index) !== undefined
}

type LookUp = (this: object, key: number) => unknown
const { __lookupGetter__: lookUpGetter, __lookupSetter__: lookUpSetter } =
  Object.prototype as unknown as Record<'__lookupGetter__' | '__lookupSetter__', LookUp>

/** Whether an object with the prototype of plain objects, or none, is of another type. */
function isDisguised (object: object, names: readonly string[]): boolean {
  if (ArrayBuffer.isView(object) || Object.prototype.toString.call(object) !== '[object Object]') return true
  return names.length === 0 && DISGUISES.some((isOfType) => isOfType(object))
}

/** Types that only their internal state shows. An object of them without properties looks like an empty one. */
const DISGUISES = [
  types.isMap, types.isSet, types.isPromise, types.isAnyArrayBuffer, types.isWeakMap, types.isWeakSet,
  types.isMapIterator, types.isSetIterator, types.isGeneratorObject
]

/** Checks an object that contains no other values. */
function checkLeaf (object: object, prototype: object): Unsupported | undefined {
  if (ArrayBuffer.isView(object)) {
    const { buffer, byteOffset, byteLength } = object
    const type = VIEW_TYPES.get(prototype)
    if (type === undefined) return refuseInstance(object, prototype)
    const unsupported = checkBuffer(buffer)
    if (unsupported !== undefined) return unsupported
    // Listing the names of its properties would list all indices.
    const hasExtras = !isDeepStrictEqual(object, createView(type, buffer as ArrayBuffer, byteOffset, byteLength))
    return hasExtras ? refuse('has properties of its own') : undefined
  }
  if (prototype === Date.prototype && types.isDate(object)) return refuseExtras(object)
  if (prototype === ArrayBuffer.prototype && types.isArrayBuffer(object)) {
    return checkBuffer(object) ?? refuseExtras(object)
  }
  if (prototype === RegExp.prototype && types.isRegExp(object)) {
    if (object.lastIndex !== 0) return refuse('has a lastIndex that is not 0')
    return refuseExtras(object, 1)
  }
  return refuseInstance(object, prototype)
}

function checkBuffer (buffer: ArrayBufferLike): Unsupported | undefined {
  if (!types.isArrayBuffer(buffer)) return refuse('is shared memory')
  if (buffer.detached) return refuse('is a detached ArrayBuffer')
  return buffer.resizable ? refuse('is a resizable ArrayBuffer') : undefined
}

/** @param expected number of properties that every object of its type has */
function refuseExtras (object: object, expected = 0): Unsupported | undefined {
  return Reflect.ownKeys(object).length > expected ? refuse('has properties of its own') : undefined
}

function refuseSymbols (object: object): Unsupported | undefined {
  return Object.getOwnPropertySymbols(object).length > 0 ? refuse('has a symbol as a key') : undefined
}

function refuseInstance (object: object, prototype: object): Unsupported {
  const { value } = Object.getOwnPropertyDescriptor(prototype, 'constructor') ?? {}
  const name = typeof value === 'function' && typeof value.name === 'string' ? value.name : ''
  return refuse(`is an instance of ${name === '' ? 'a class' : name}`)
}

function refuse (reason: string): Unsupported {
  return { path: '', reason }
}

function prepend (step: string, unsupported: Unsupported): Unsupported {
  unsupported.path = step + unsupported.path
  return unsupported
}

function formatStep (name: string): string {
  if (/^(?:0|[1-9]\d*)$/.test(name)) return `[${name}]`
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`
}
