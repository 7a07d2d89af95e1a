import type { CacheStatus } from '../http/cache-status.ts'
import type { ExplainedPage } from './explain.ts'

/** Why a request passes by the cache, by the `detail` of its status. */
const BYPASSES: Readonly<Record<string, string>> = {
  'ttl-zero': 'The ttl of the route is zero, so nothing of it is kept.',
  'request-body': 'The request has a body, which is no part of the key.',
  'no-store': 'A hook before the handler has said no-store (RFC 9111 section 5.2.2.5).',
  'query-parser': 'The application reads parameters in another way than the page cache, which has parameters to leave out.',
  private: 'A hook before the handler has said private (RFC 9111 section 5.2.2.7).',
  authorization: 'The request has Authorization, and no page is stored that says it is for all (RFC 9111 section 3.5).'
}

/** Which wish of the client is heeded, by the `detail` of the status. RFC 9111 section 5.2.1. */
const WISHES: Readonly<Record<string, string>> = {
  'no-store': 'The client says no-store (RFC 9111 section 5.2.1.5), and the route heeds that.',
  'no-cache': 'The client says no-cache (RFC 9111 section 5.2.1.4), and the route heeds that.',
  'max-age': 'The page is older than the max-age of the client (RFC 9111 section 5.2.1.1), and the route heeds that.',
  'min-fresh': 'The page will not stay fresh for the min-fresh of the client (RFC 9111 section 5.2.1.3), and the route heeds that.'
}

/** What else keeps a stored page from being used, by the `detail` of the status. */
const FAULTS: Readonly<Record<string, string>> = {
  corrupt: 'What is stored cannot be read.',
  'store-unavailable': 'The store does not answer.'
}

/**
 * The rule that decides on a request, in a sentence.
 *
 * @param page what is stored for it @param list request headers by which pages of the URL vary
 */
export function describeRule ({ hit, fwd, detail = '' }: CacheStatus, page: ExplainedPage | undefined, list: readonly string[]): string {
  if (hit) return hitRule(detail, page!)
  switch (fwd) {
    case 'bypass': return BYPASSES[detail]!
    case 'request': return WISHES[detail]!
    case 'stale': return staleRule(detail, page)
    case 'vary-miss': return `Pages of this URL are stored, but none for what this request says in ${list.join(', ')} (RFC 9111 section 4.1).`
    case 'uri-miss': return 'Nothing is stored under this key.'
    case 'miss': return FAULTS[detail]!
    default: return 'The client wants a stored page or none (RFC 9111 section 5.2.1.7), and there is none that will do.'
  }
}

function hitRule (detail: string, { age, ttl }: ExplainedPage): string {
  const over = `The life of the stored page ended ${seconds(-ttl)} ago`
  switch (detail) {
    case 'stale-while-revalidate': return `${over}; it is answered while it is renewed in the background (RFC 5861 section 3).`
    case 'stale-if-error': return `${over}; it stands in, since an attempt to renew it failed a moment ago (RFC 5861 section 4).`
    case 'max-stale': return `${over}; the client takes one that old (RFC 9111 section 5.2.1.2), and the route heeds that.`
    default: return `The stored page is fresh: ${seconds(age)} old, with ${seconds(ttl)} to live, and nothing that it was made of has changed (RFC 9111 section 4.2).`
  }
}

function staleRule (detail: string, page: ExplainedPage | undefined): string {
  if (page === undefined) return 'Responses of this URL vary, and what said where they are has come to the end of its life.'
  if (detail !== 'invalidated') return `The life of the stored page ended ${seconds(-page.ttl)} ago (RFC 9111 section 4.2).`
  const moved = page.tags.filter(({ changed }) => changed).map(({ tag }) => tag)
  return `What the stored page was made of has changed since${moved.length === 0 ? '' : `: ${moved.join(', ')}`}.`
}

const seconds = (count: number) => `${Math.round(count)} s`
