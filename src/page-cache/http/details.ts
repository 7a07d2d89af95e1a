/** Each value of `detail` in `Cache-Status` but those with a status code, as docs/observability.md explains them. */
export const DETAILS = [
  'all-headers-read', 'authorization', 'bounded', 'client-address-read', 'client-address-read:ignoreAddress',
  'clock-unavailable',
  'collapse-refused', 'connection-read', 'connection-read:ignoreAddress', 'cookie', 'corrupt', 'csp-nonce',
  'event-stream', 'forwarded', 'hit-for-miss', 'invalidated', 'lifetime-over', 'load-overdue', 'max-age', 'max-stale',
  'min-fresh', 'must-understand', 'no-cache', 'no-lifetime', 'no-store', 'not-stored', 'only-if-cached', 'outdated',
  'partial-content', 'private', 'query-parser', 'range', 'recursive-load', 'reply-failed', 'request-body',
  'request-target', 'revoked', 'set-cookie', 'stale-if-error', 'stale-while-revalidate', 'store-unavailable',
  'streamed', 'tags-failed', 'too-large', 'too-many-loads', 'tracked-late', 'ttl-zero', 'uncommitted-read', 'untagged',
  'unwatched-read', 'vary-any'
] as const

/** Why the cache was not used, or a response not stored, in a word. */
export type Detail = typeof DETAILS[number] | `status-${number}`
