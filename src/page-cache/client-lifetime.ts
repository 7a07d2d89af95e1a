import { formatBeforeMaxAge, MAX_DELTA, parseCacheControl } from './http/cache-control.ts'

/** What the lifetime of a response for clients depends on. Times are in seconds. */
export interface ClientLifetimeInput {
  /** The response's own `Cache-Control`. */
  readonly cacheControl: string
  /** The lifetime for clients that the response itself states, from its date. */
  readonly clientMaxAge?: number | undefined
  /** The option `clientTtl` of the route. */
  readonly clientTtl?: number | undefined
  /** The time from its date for which this cache serves the response. */
  readonly freshnessLifetime: number
  /** When it was generated, in milliseconds since 1970. */
  readonly date: number
  /** Whether it depends on tags: then its data may change before it expires. */
  readonly hasTags: boolean
}

/** How long clients may reuse a response. */
export type ClientLifetime =
  /** `Cache-Control` is the same for every reply. */
  | { readonly cacheControl: string }
  /** It counts down. @property prefix up to the number of `max-age` @property maxAge seconds from its date */
  | { readonly prefix: string, readonly maxAge: number, readonly expires: string }

/**
 * Decides how long clients may reuse a response without a request.
 *
 * No version clock reaches the copy of a client. So a client has to validate a response with tags each time, which
 * costs a 304, unless the route or the response itself states a lifetime for clients.
 */
export function resolveClientLifetime (
  { cacheControl, clientMaxAge = Infinity, clientTtl, freshnessLifetime, date, hasTags }: ClientLifetimeInput
): ClientLifetime {
  const directives = new Map(parseCacheControl(cacheControl))
  const lifetime = Math.min(freshnessLifetime, MAX_DELTA)
  if (clientTtl === undefined && (clientMaxAge !== Infinity || !hasTags)) {
    const maxAge = Math.min(lifetime, clientMaxAge)
    return { prefix: formatBeforeMaxAge(directives), maxAge, expires: new Date(date + maxAge * 1000).toUTCString() }
  }
  const maxAge = Math.floor(Math.min(clientTtl ?? 0, clientMaxAge))
  if (maxAge === 0) directives.delete('must-revalidate') // it follows
  const added = [
    ...maxAge === 0 ? ['must-revalidate'] : [],
    // Without tags, shared caches may reuse it for as long as this cache does.
    ...!hasTags && lifetime > maxAge ? [`s-maxage=${Math.floor(lifetime)}`] : []
  ]
  return { cacheControl: [`${formatBeforeMaxAge(directives)}${maxAge}`, ...added].join(', ') }
}

/** Returns the headers about the lifetime of a response for clients. @param age seconds since its date */
export function formatClientLifetime (
  lifetime: ClientLifetime, age: number
): { 'cache-control': string, expires?: string } {
  if ('cacheControl' in lifetime) return { 'cache-control': lifetime.cacheControl }
  const { prefix, maxAge, expires } = lifetime
  return { 'cache-control': `${prefix}${Math.max(0, Math.floor(maxAge - age))}`, expires }
}
