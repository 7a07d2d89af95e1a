import type { Cache, Namespace } from './types.ts'
import { checkKey, checkKeys, checkNamespace } from './util/validate.ts'

/** The verbs whose first argument is one key. */
const KEY_VERBS = [
  'get', 'set', 'add', 'getOrSet', 'refresh', 'touch', 'increment', 'ttl', 'expire', 'delete'
] as const satisfies ReadonlyArray<keyof Cache>

/** See `Cache.namespace`. */
export function createNamespace (cache: Omit<Cache, 'close'>, name: string): Namespace {
  checkNamespace(name)
  const prefix = `${name}:`
  const removePrefix = (key: string) => key.slice(prefix.length)

  function addPrefix (key: string): string {
    checkKey(key)
    return prefix + key
  }

  function addPrefixes (keys: readonly string[]): string[] {
    checkKeys(keys)
    return keys.map((key) => prefix + key)
  }

  const keyVerbs = Object.fromEntries(KEY_VERBS.map((verb) => {
    const method = cache[verb].bind(cache) as (key: string, ...others: unknown[]) => Promise<unknown>
    return [verb, async (key: string, ...others: unknown[]) => await method(addPrefix(key), ...others)]
  }))

  return {
    ...keyVerbs as unknown as Pick<Cache, typeof KEY_VERBS[number]>,

    async getMany<T> (keys: readonly string[]) {
      return removePrefixes(await cache.getMany<T>(addPrefixes(keys)))
    },

    async setMany (entries, options) {
      await cache.setMany(Array.from(entries, ([key, value]) => [addPrefix(key), value] as const), options)
    },

    async getOrSetMany (keys, loader, options) {
      return removePrefixes(await cache.getOrSetMany(addPrefixes(keys), async (missing, context) => {
        const loaded = await loader(missing.map(removePrefix), context)
        const isIterable = Symbol.iterator in Object(loaded) // the cache refuses anything else
        return isIterable ? Array.from(loaded, ([key, value]) => [prefix + key, value] as const) : loaded
      }, options))
    },

    cached: (work, options) => cache.cached(work, { ...options, key: addPrefix(options.key) }),

    deleteMany: async (keys) => await cache.deleteMany(addPrefixes(keys)),

    deleteMatching: async ({ prefix: begin = '', prefixes, ...filter } = {}) => await cache.deleteMatching({
      ...filter, prefix: prefix + begin, ...prefixes && { prefixes: prefixes.map((begin) => prefix + begin) }
    }),

    async * entries<T> ({ prefix: begin = '', ...options } = {}) {
      for await (const [key, value] of cache.entries<T>({ ...options, prefix: prefix + begin })) {
        yield [removePrefix(key), value] as const
      }
    },

    lock: async (key, options, work) => await cache.lock(addPrefix(key), options, work),

    invalidateTags: async (tags) => await cache.invalidateTags(tags),
    expireTags: async (tags) => await cache.expireTags(tags),
    namespace (inner) {
      checkNamespace(inner)
      return createNamespace(cache, prefix + inner)
    },
    clear: async () => { await cache.deleteMatching({ prefix }) }
  }

  function removePrefixes<T> (values: ReadonlyMap<string, T>): Map<string, T> {
    return new Map(Array.from(values, ([key, value]) => [removePrefix(key), value]))
  }
}
