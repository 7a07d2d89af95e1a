/** Checks of what callers hand in. Each throws a TypeError of one sentence that names the option. */

/** Longest key accepted, in UTF-16 units. */
export const MAX_KEY_LENGTH = 1024

export function positiveInteger (name: string, value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new TypeError(`${name} must be a positive integer, got ${show(value)}`)
  }
  return value as number
}

/** Seconds, or null for "never expires". Zero and less are allowed: they mean "not kept". */
export function seconds (name: string, value: unknown): number | null {
  if (value === null || (typeof value === 'number' && Number.isFinite(value))) return value
  throw new TypeError(`${name} must be a number of seconds or null, got ${show(value)}`)
}

/** Seconds, zero or more. */
export function duration (name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw new TypeError(`${name} must be a number of seconds, zero or more, got ${show(value)}`)
}

export function checkKey (key: unknown): asserts key is string {
  if (typeof key !== 'string' || key === '') {
    throw new TypeError(`a cache key must be a non-empty string, got ${show(key)}`)
  }
  if (key.length > MAX_KEY_LENGTH) {
    throw new TypeError(`a cache key may have at most ${MAX_KEY_LENGTH} characters, got ${key.length}`)
  }
  // Lone surrogates all become the same bytes in UTF-8, so two keys would share an entry.
  if (!key.isWellFormed()) {
    throw new TypeError('a cache key must be well-formed Unicode, got a lone surrogate')
  }
}

export function checkTags (tags: unknown): asserts tags is readonly string[] {
  if (!Array.isArray(tags)) throw new TypeError(`tags must be an array of strings, got ${show(tags)}`)
  tags.forEach(checkKey)
}

function show (value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value)
}
