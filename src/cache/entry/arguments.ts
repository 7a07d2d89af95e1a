import { createHash } from 'node:crypto'
import { types } from 'node:util'
import { ValueError } from '../errors.ts'
import { checkValue } from './check-value.ts'

/** The longest text of arguments. A longer one is replaced by its digest, because the keys of a cache are bounded. */
const MAX_LENGTH = 400

/**
 * Writes the arguments of a call as text, for a key. Calls with different arguments get different texts: types are
 * distinguished, and the order of maps, sets and arrays counts. Only the order of an object's own keys does not, nor
 * whether it has a prototype.
 *
 * @throws ValueError with the path of an argument that is no plain data, e.g. a function
 */
export function serializeArguments (args: readonly unknown[]): string {
  checkValue(args, 'arguments', 'cannot be a part of a key')
  const text = args.map((argument) => write(argument, [])).join()
  // No other text begins like this one.
  return text.length > MAX_LENGTH ? `sha256:${createHash('sha256').update(text).digest('base64url')}` : text
}

/** @param above the objects that contain this value */
function write (value: unknown, above: readonly object[]): string {
  switch (typeof value) {
    case 'string': return JSON.stringify(value) // it escapes lone surrogates, which a key must not have
    case 'number': return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint': return `${value}n`
    case 'object': return value === null ? 'null' : writeObject(value, above)
    default: return String(value)
  }
}

function writeObject (object: object, above: readonly object[]): string {
  if (above.includes(object)) throw new ValueError('arguments cannot be a part of a key: an object contains itself.')
  const within = [...above, object]
  const writeItem = (item: unknown) => write(item, within)
  if (Array.isArray(object)) {
    const names = Object.keys(object)
    const isDense = names.length === object.length && (names.length === 0 || names.at(-1) === `${names.length - 1}`)
    if (isDense) return `[${object.map(writeItem).join()}]`
    return `Array(${object.length},${writeProperties(object, writeItem)})`
  }
  if (types.isMap(object)) {
    return `Map(${Array.from(object, ([key, item]) => `${writeItem(key)}=>${writeItem(item)}`).join()})`
  }
  if (types.isSet(object)) return `Set(${Array.from(object, writeItem).join()})`
  if (types.isDate(object)) return `Date(${Number(object)})`
  if (types.isRegExp(object)) return `RegExp(${JSON.stringify(String(object))})`
  if (types.isArrayBuffer(object)) return `ArrayBuffer(${Buffer.from(object).toString('base64')})`
  if (ArrayBuffer.isView(object)) {
    const bytes = Buffer.from(object.buffer, object.byteOffset, object.byteLength)
    return `${object.constructor.name}(${bytes.toString('base64')})`
  }
  return writeProperties(object, writeItem)
}

function writeProperties (object: object, writeItem: (item: unknown) => string): string {
  const properties = Object.entries(object).sort(([a], [b]) => a < b ? -1 : 1)
  return `{${properties.map(([name, value]) => `${JSON.stringify(name)}:${writeItem(value)}`).join()}}`
}
