/** Headers about the message or the connection, which a hook may read without shaping the response. */
const MESSAGE_HEADERS = [
  'connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade', // of this connection, not of the request
  'expect', // Node has answered it
  'content-length', // with any but 0, a request bypasses the cache
  'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', // the cache evaluates conditions
  'if-range', 'range', // and ranges
  'cache-control', 'pragma' // directives for the cache
]

/** Headers that identify a request in logs and traces. A handler that reads them puts them into its response. */
const TRACE_HEADERS = ['x-request-id', 'request-id', 'x-correlation-id', 'traceparent', 'tracestate']

/** Headers whose reads do not count before the handler. */
export const EXEMPT_IN_HOOKS: ReadonlySet<string> = new Set([...MESSAGE_HEADERS, ...TRACE_HEADERS])

/** Headers whose reads do not count in the handler: it sees none of the client, since the cache evaluates them. */
export const EXEMPT_IN_HANDLER: ReadonlySet<string> =
  new Set(['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range'])
