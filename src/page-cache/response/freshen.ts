import type { FastifyReply } from 'fastify'
import { matchesNone } from '../http/conditional.ts'
import { combineLines } from '../http/fields.ts'
import { setStatusMessage } from '../reply-headers.ts'
import type { PreparedPage, ReplyHeaders } from '../stored-response.ts'

/** Headers of a 304 that do not replace those of the stored response, RFC 9111 section 3.2. */
const NOT_UPDATED = ['content-encoding', 'content-length', 'content-md5', 'content-range']
/** Content types that Fastify sets if the handler sets none; a 304 has no content. */
const DEFAULT_TYPES: ReadonlySet<unknown> = new Set([
  'text/plain; charset=utf-8', 'application/json; charset=utf-8', 'application/octet-stream'
])

/** Whether a 304 validates another response than the stored one, RFC 9111 section 4.3.4. */
export function validatesOther (reply: FastifyReply, stale: PreparedPage): boolean {
  const etag = reply.getHeader('etag')
  return etag !== undefined && stale.ownEtag && !matchesNone(combineLines(etag), stale.etag)
}

/**
 * Freshens a stored response: makes a 304 of the handler a whole response with updated headers, RFC 9111 section 4.3.4.
 *
 * Headers that hooks have set for this request do not replace those of the stored body.
 *
 * @param before reply headers from before the handler ran
 * @returns the stored body
 */
export function freshen (reply: FastifyReply, stale: PreparedPage, before: ReplyHeaders): Buffer {
  for (const name of NOT_UPDATED) reply.removeHeader(name)
  if (DEFAULT_TYPES.has(reply.getHeader('content-type'))) reply.removeHeader('content-type')
  const { headers, cacheControl, etag, ownEtag } = stale
  for (const [name, value] of Object.entries({ ...headers, ...cacheControl && { 'cache-control': cacheControl } })) {
    const isOfHook = before[name] !== undefined && reply.getHeader(name) === before[name]
    if (name !== 'date' && (isOfHook || !reply.hasHeader(name))) reply.header(name, value)
  }
  for (const name of stale.removed ?? []) {
    if (reply.getHeader(name) === before[name]) reply.removeHeader(name)
  }
  if (ownEtag) reply.header('etag', etag)
  reply.code(stale.status)
  setStatusMessage(reply, stale.statusMessage)
  return stale.body
}
