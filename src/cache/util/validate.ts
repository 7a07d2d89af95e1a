import { inspect } from 'node:util'
import { closestMatch } from 'leven'
import { ArgumentError, OptionError } from '../errors.ts'
import { toMilliseconds, toSeconds } from './duration.ts'

/* Checks of options and arguments. Each throws a TypeError that names the option and the value. */

/** Length of the longest valid key or tag, in UTF-16 units. */
const MAX_KEY_LENGTH = 1024

export function checkPositiveInteger (name: string, value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new OptionError(describe(name, 'a positive integer', value))
  }
  return value as number
}

/** Returns seconds, or null: never expires. Zero and less are valid: not stored. */
export function checkSeconds (name: string, value: unknown): number | null {
  const seconds = toSeconds(value)
  if (seconds === null || (typeof seconds === 'number' && Number.isFinite(seconds))) return seconds
  throw new OptionError(describe(name, 'a number of seconds, a text such as "5m", or null', value))
}

/** Returns seconds, zero or more. */
export function checkDuration (name: string, value: unknown): number {
  const seconds = toSeconds(value)
  if (typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0) return seconds
  throw new OptionError(describe(name, 'a number of seconds, zero or more, or a text such as "5m"', value))
}

/** Returns milliseconds, zero or more. */
export function checkMilliseconds (name: string, value: unknown): number {
  const ms = toMilliseconds(value)
  if (typeof ms === 'number' && Number.isFinite(ms) && ms >= 0) return ms
  throw new OptionError(describe(name, 'a number of milliseconds, zero or more, or a text such as "50ms"', value))
}

/** From 0 to 1. */
export function checkFraction (name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw new OptionError(describe(name, 'a number from 0 to 1', value))
}

export function checkSafeInteger (name: string, value: unknown): number {
  if (Number.isSafeInteger(value)) return value as number
  throw new ArgumentError(describe(name, 'a safe integer', value))
}

export function checkBoolean (name: string, value: unknown): void {
  if (typeof value !== 'boolean') throw new OptionError(describe(name, 'true or false', value))
}

export function checkFunction (name: string, value: unknown): void {
  if (typeof value !== 'function') throw new OptionError(describe(name, 'a function', value))
}

/** An object that has this method. */
export function checkObject (name: string, value: unknown, method: string, example: string): void {
  if (typeof (value as Record<string, unknown> | null | undefined)?.[method] === 'function') return
  throw new OptionError(describe(name, example, value))
}

/**
 * Rejects names that are not known, which are likely mistakes in writing.
 *
 * @param owner what has the options
 * @param NameError the class of the error
 */
export function checkNames (
  owner: string, options: object, known: ReadonlySet<string>, NameError: new (message: string) => Error = OptionError
): void {
  for (const name in options) {
    if (known.has(name)) continue
    const near = closestMatch(name, [...known], { maxDistance: Math.ceil(name.length / 2) })
    throw new NameError(`${owner} has no option ${name}.${near === undefined ? '' : ` Did you mean ${near}?`}`)
  }
}

/** The options of one call. A number instead is a likely mistake for a `ttl`. */
export function checkOptions (options: unknown): void {
  if (typeof options === 'object' && options !== null) return
  throw new ArgumentError(describe('options', 'an object', options))
}

export function checkKey (key: unknown): asserts key is string {
  checkName('A cache key', key)
}

export function checkKeys (keys: unknown): asserts keys is readonly string[] {
  if (!Array.isArray(keys)) throw new ArgumentError(describe('keys', 'an array of strings', keys))
  for (const key of keys) checkKey(key)
}

export function checkNamespace (name: unknown): asserts name is string {
  checkName('A namespace', name)
}

/** A prefix of keys; an empty one matches all keys. */
export function checkPrefix (prefix: unknown): asserts prefix is string {
  if (prefix !== '') checkName('A prefix', prefix)
}

export function checkPrefixes (prefixes: unknown): asserts prefixes is readonly string[] {
  if (!Array.isArray(prefixes)) throw new ArgumentError(describe('prefixes', 'an array of strings', prefixes))
  for (const prefix of prefixes) checkPrefix(prefix)
}

export function checkTags (tags: unknown): asserts tags is readonly string[] {
  if (!Array.isArray(tags)) throw new ArgumentError(describe('tags', 'an array of strings', tags))
  for (const tag of tags) checkName('A tag', tag)
}

function checkName (what: string, name: unknown): void {
  if (typeof name !== 'string' || name === '') {
    throw new ArgumentError(`${what} must be a non-empty string, but is ${show(name)}.`)
  }
  if (name.length > MAX_KEY_LENGTH) {
    throw new ArgumentError(`${what} may have at most ${MAX_KEY_LENGTH} characters, but has ${name.length}.`)
  }
  // In UTF-8 all lone surrogates are the same bytes, so two names could become one.
  if (!name.isWellFormed()) {
    throw new ArgumentError(`${what} must be well-formed Unicode, but has a lone surrogate.`)
  }
}

function describe (name: string, expected: string, value: unknown): string {
  return `The value of ${name} must be ${expected}, but is ${show(value)}.`
}

function show (value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : inspect(value, { depth: 0 }).slice(0, 100)
}
