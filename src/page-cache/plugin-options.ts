import type { FastifyInstance } from 'fastify'
import { type CacheAdapter, checkNames, type Duration, type Milliseconds, OptionError } from '../cache/index.ts'
import { AlreadyRegisteredError } from './errors.ts'
import type { QuerystringParser } from './key/query.ts'
import { checkOption, isStrings } from './options.ts'

/** Options of `pageCache`. An unknown one fails the start. */
export interface PageCacheOptions {
  /** A cache made with `createCache`, which its owner closes. */
  cache: CacheAdapter
  /** The `ttl` of routes without one. Default unset: the response decides. */
  ttl?: Duration
  /** The `clientTtl` of routes without one. Default unset: see the route option. */
  clientTtl?: Duration
  /** The `maxStaleness` of routes without one, in milliseconds. Default 0: each request is checked. */
  maxStaleness?: Milliseconds
  /** The route option of that name, for all routes: e.g. `x-forwarded-for` if a hook counts requests by address. */
  ignoreHeaders?: string[]
  /**
   * The route option of that name, for all routes: e.g. if @fastify/rate-limit counts requests. Default false, or true
   * if `ignoreHeaders` has `x-forwarded-for`.
   */
  ignoreAddress?: boolean
  /** That of the application, if it has its own and a route has the option `query`. Default that of Fastify. */
  querystringParser?: QuerystringParser
  /**
   * Names of functions which are `onSend` hooks of other plugins and leave a stored response as it is. Hits skip them,
   * which makes them faster. Default none: if there are others than those of the page cache, hits run all.
   */
  skipOnHit?: string[]
  /** Milliseconds since 1970. Default the system clock, which never runs backwards here. */
  now?: () => number
}

const OPTIONS = new Set<keyof PageCacheOptions | 'prefix' | 'logLevel' | 'logSerializers'>([
  'cache', 'ttl', 'clientTtl', 'maxStaleness', 'ignoreHeaders', 'ignoreAddress', 'skipOnHit', 'querystringParser',
  'now',
  // Those of Fastify.
  'prefix', 'logLevel', 'logSerializers'
])

/** Those that routes have too. */
const OF_ROUTES = ['ttl', 'clientTtl', 'maxStaleness', 'ignoreHeaders', 'ignoreAddress'] as const

/** Checks the options of the plugin. Throws an error that names the invalid one. */
export function checkPluginOptions (app: FastifyInstance, options: PageCacheOptions): void {
  checkNames('The page cache', options, OPTIONS)
  const { cache, skipOnHit, querystringParser } = options
  if (typeof cache?.lookup !== 'function') {
    throw new OptionError('The option `cache` of the page cache must be a cache. Create one with createCache().')
  }
  if (app.hasDecorator('larder')) {
    throw new AlreadyRegisteredError()
  }
  if (typeof querystringParser !== 'function') {
    throw new OptionError('The option `querystringParser` of the page cache must be a function.')
  }
  for (const name of OF_ROUTES) checkOption(name, options[name])
  if (skipOnHit !== undefined && !isStrings(skipOnHit)) {
    throw new OptionError('The option `skipOnHit` of the page cache must be an array of names of functions.')
  }
}
