import { resolveGetOrSetOptions } from './call-options.ts'
import { serializeArguments } from './entry/arguments.ts'
import { OptionError } from './errors.ts'
import type { CachedOptions } from './options.ts'
import type { Cache, CachedFunction } from './types.ts'
import { checkFunction, checkKey, checkOptions, checkTags } from './util/validate.ts'

/** See `Cache.cached`. */
export function cacheFunction<A extends unknown[], T> (
  cache: Pick<Cache, 'getOrSet' | 'refresh' | 'delete'>, work: (...args: A) => T | Promise<T>,
  options: CachedOptions<A>
): CachedFunction<A, T> {
  checkFunction('work', work)
  checkOptions(options)
  const { key: name, tags, ...others } = options
  checkKey(name)
  if (name.includes('(')) {
    throw new OptionError(`The value of key must not contain "(", but is ${JSON.stringify(name)}.`)
  }
  const resolved = resolveGetOrSetOptions(others, 'cached')
  if (tags !== undefined && typeof tags !== 'function') checkTags(tags)

  // Without "(" in the name, no two functions and lists of arguments have the same key.
  const getKey = (...args: A) => `${name}(${serializeArguments(args)})`
  const getOptions = (args: A) => tags === undefined
    ? resolved
    : { ...resolved, tags: typeof tags === 'function' ? tags(...args) : tags }

  const call = async (...args: A): Promise<T> =>
    await cache.getOrSet(getKey(...args), () => work(...args), getOptions(args))
  return Object.assign(call, {
    getKey,
    invalidate: async (...args: A) => await cache.delete(getKey(...args)),
    refresh: async (...args: A) => await cache.refresh(getKey(...args), () => work(...args), getOptions(args))
  })
}
