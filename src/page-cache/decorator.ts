import type { Cache, CacheAdapter } from '../cache/index.ts'
import type { Explanation, ExplainQuestion } from './admin/explain.ts'
import type { Purge } from './admin/purge.ts'

/** What `app.larder` is: the verbs of the cache, and those for stored responses. */
export interface Larder extends Omit<Cache, 'close'> {
  /** The cache itself, for what takes a `CacheAdapter`: a second page cache, metrics, tools. */
  readonly cache: CacheAdapter
  /** Deletes stored responses, and returns how many entries there were. Other values are deleted by tag or `all`. */
  purge (what: Purge): Promise<number>
  /** Explains what a request would get now, and why. Hooks of its route run, but no handler does. */
  explain (question: ExplainQuestion): Promise<Explanation>
}

declare module 'fastify' {
  interface FastifyInstance {
    larder: Larder
  }
}

const VERBS = [
  'get', 'getMany', 'set', 'setMany', 'add', 'getOrSet', 'getOrSetMany', 'refresh', 'cached', 'touch', 'increment',
  'ttl', 'expire', 'delete', 'deleteMany', 'invalidateTags', 'expireTags', 'deleteMatching', 'entries',
  'namespace', 'lock', 'clear'
] as const satisfies ReadonlyArray<keyof Cache>

/** Makes `app.larder`. Its verbs can be taken out of it, e.g. `const { getOrSet } = app.larder`. */
export function makeLarder (cache: CacheAdapter, forResponses: Pick<Larder, 'purge' | 'explain'>): Larder {
  const verbs = Object.fromEntries(VERBS.map((verb) => [verb, cache[verb].bind(cache)]))
  return { ...verbs as unknown as Pick<Cache, typeof VERBS[number]>, cache, ...forResponses }
}
