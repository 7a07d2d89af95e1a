/** Ids of tests that do not pass, by the reason. */
export type Exceptions = Record<string, readonly string[]>

/** Tests of version 0.4.5 that are required and fail. */
export const FAILED: Exceptions = {
  // Later versions of the suite require the opposite of this one, or nothing.
  'RFC 9111 section 5.1: an Age that is invalid is ignored, and of several the first one counts': [
    'age-parse-nonnumeric',
    'age-parse-negative',
    'age-parse-float',
    'age-parse-prefix-twoline',
    'age-parse-dup-0',
    'age-parse-dup-0-twoline',
    'age-parse-dup-old',
    'age-parse-parameter',
    'age-parse-numeric-parameter'
  ]
}

/** Tests that cannot apply to the page cache. */
export const NOT_ASKED: Exceptions = {
  'a response that sets a cookie is for one client, and never kept': [
    'headers-store-Set-Cookie',
    '304-etag-update-response-Set-Cookie'
  ],
  // Here the suite has a cache go on with a page that its origin has just called by another name.
  'RFC 9111 section 4.3.4: a 304 with another strong entity tag is of another page, and updates nothing': [
    '304-etag-update-response-ETag'
  ]
}

/** Tests for caches that serve stale responses without permission. */
export const NOT_APPLICABLE: Exceptions = {
  'without stale-if-error no old page stands in for a lost origin': [
    'stale-close-must-revalidate',
    'stale-close-proxy-revalidate',
    'stale-close-no-cache',
    'stale-close-s-maxage=2'
  ]
}

/** Behaviour that is allowed, and that the page cache leaves out. */
export const NOT_OPTIMAL: Exceptions = {
  'no life is guessed for a response that says nothing of it': [
    'heuristic-200-cached',
    'heuristic-203-cached',
    'heuristic-204-cached',
    'heuristic-404-cached',
    'heuristic-405-cached',
    'heuristic-410-cached',
    'heuristic-414-cached',
    'heuristic-501-cached',
    'heuristic-599-cached'
  ],
  'only GET and HEAD are kept': ['method-POST'],
  'languages are told apart as they are written': ['vary-normalise-lang-order', 'vary-normalise-lang-select'],
  'If-Modified-Since is compared with Last-Modified alone': ['conditional-lm-fresh-no-lm'],
  'parts are cut from whole pages, and not kept by themselves': [
    'partial-store-partial-reuse-partial',
    'partial-store-partial-reuse-partial-byterange',
    'partial-store-partial-reuse-partial-absent',
    'partial-store-partial-reuse-partial-suffix',
    'partial-store-partial-complete'
  ],
  'a response that sets a cookie is for one client, and never kept': ['other-set-cookie'],
  // A stored response that says public is sent to them too.
  'the response to a request with Authorization is not stored': [
    'other-authorization-public',
    'other-authorization-smaxage',
    'other-authorization-must-revalidate'
  ]
}

export function idsIn (exceptions: Exceptions): string[] {
  return Object.values(exceptions).flat().sort()
}
