import type { TagState } from '../../cache/index.ts'
import type { CacheStatus } from '../http/cache-status.ts'
import type { Detail } from '../http/details.ts'

/** A stored response, as far as the rules name it. Times are in seconds. */
interface Stored {
  readonly age: number
  /** Less than zero if it has expired. */
  readonly ttl: number
  readonly tags: readonly TagState[]
}

/** Why a request bypasses the cache, by the `detail` of its status. */
const BYPASSES: Readonly<Partial<Record<Detail, string>>> = {
  'ttl-zero': 'The ttl of the route is zero, so none of its responses is stored.',
  'request-body': 'The request has a body, which is not part of the key.',
  'no-store': 'A hook before the handler has set no-store (RFC 9111 section 5.2.2.5).',
  'request-target': 'The URL of the request names another host than its header Host (RFC 9112 section 3.2.2).',
  'query-parser': 'The application parses queries in another way than the page cache, ' +
    'and the route has the option query.',
  private: 'A hook before the handler has set private (RFC 9111 section 5.2.2.7).',
  authorization: 'The request has Authorization, and no stored response allows that (RFC 9111 section 3.5).'
}

/** The request directive that decides, by the `detail` of the status. RFC 9111 section 5.2.1. */
const REQUEST_DIRECTIVES: Readonly<Partial<Record<Detail, string>>> = {
  'no-store': 'The client sends no-store (RFC 9111 section 5.2.1.5), and the route respects it.',
  'no-cache': 'The client sends no-cache (RFC 9111 section 5.2.1.4), and the route respects it.',
  'max-age': 'The stored response is older than the max-age of the client (RFC 9111 section 5.2.1.1), ' +
    'and the route respects it.',
  'min-fresh': 'The stored response expires within the min-fresh of the client (RFC 9111 section 5.2.1.3), ' +
    'and the route respects it.'
}

/** What else keeps an entry from being used, by the `detail` of the status. */
const FAULTS: Readonly<Partial<Record<Detail, string>>> = {
  corrupt: 'The stored entry cannot be decoded.',
  'store-unavailable': 'The store is unavailable.'
}

/**
 * Describes the rule that decides about a request, in a sentence.
 *
 * @param stored the stored response for it
 * @param varyNames request headers by which responses of the URL vary
 */
export function describeRule (
  { hit, fwd, detail }: CacheStatus, stored: Stored | undefined, varyNames: readonly string[]
): string {
  if (hit) return describeHit(detail, stored!)
  switch (fwd) {
    case 'method': return 'Only GET and HEAD requests are answered from the cache.'
    case 'bypass': return BYPASSES[detail!]!
    case 'request': return REQUEST_DIRECTIVES[detail!]!
    case 'stale': return describeStale(detail, stored)
    case 'vary-miss': return 'Responses of this URL are stored, but none for the values in this request of ' +
      `${varyNames.join(', ')} (RFC 9111 section 4.1).`
    case 'uri-miss': return 'Nothing is stored under this key.'
    case 'miss': return FAULTS[detail!]!
    default: return 'The client accepts stored responses only (RFC 9111 section 5.2.1.7), and none is usable.'
  }
}

function describeHit (detail: Detail | undefined, { age, ttl }: Stored): string {
  const expired = `The stored response expired ${formatSeconds(-ttl)} ago`
  switch (detail) {
    case 'stale-while-revalidate':
      return `${expired}; it is served while it is revalidated in the background (RFC 5861 section 3).`
    case 'stale-if-error':
      return `${expired}; it is served stale, since revalidating it failed a moment ago (RFC 5861 section 4).`
    case 'max-stale':
      return `${expired}; the client accepts that with max-stale (RFC 9111 section 5.2.1.2), and the route respects it.`
    default:
      return `The stored response is fresh: ${formatSeconds(age)} old, it expires in ${formatSeconds(ttl)}, ` +
        'and none of its dependencies has changed (RFC 9111 section 4.2).'
  }
}

function describeStale (detail: Detail | undefined, stored: Stored | undefined): string {
  if (stored === undefined) return 'This URL has several variants, and the index of its variants has expired.'
  if (detail !== 'invalidated') {
    return `The stored response expired ${formatSeconds(-stored.ttl)} ago (RFC 9111 section 4.2).`
  }
  const changed = stored.tags.filter((tag) => tag.changed).map(({ tag }) => tag)
  return `Dependencies of the stored response have changed${changed.length === 0 ? '' : `: ${changed.join(', ')}`}.`
}

const formatSeconds = (count: number) => `${Math.round(count)} s`
