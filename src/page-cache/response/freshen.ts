import type { FastifyReply } from 'fastify'
import type { PreparedPage } from '../stored-response.ts'
import { matchesNone } from '../http/conditional.ts'
import { combineLines } from '../http/fields.ts'

/** Fields of a 304 that do not replace those of the page that it confirms, RFC 9111 section 3.2. */
const NOT_UPDATED = ['content-encoding', 'content-length', 'content-md5', 'content-range']
/** What Fastify says of a body of which the handler says nothing; a 304 has none. */
const TYPES_OF_FASTIFY: ReadonlySet<unknown> = new Set(['text/plain; charset=utf-8', 'application/json; charset=utf-8', 'application/octet-stream'])

/** Whether a 304 is of another page than the one that was to be confirmed, RFC 9111 section 4.3.4. */
export function validatesOther (reply: FastifyReply, old: PreparedPage): boolean {
  const etag = reply.getHeader('etag')
  return etag !== undefined && old.ownEtag && !matchesNone(combineLines(etag), old.etag)
}

/**
 * Makes a reply that confirms an old page into one that has it as a whole, RFC 9111 section 4.3.4.
 *
 * @param defaultControl the `Cache-Control` of a handler that says nothing
 */
export function freshen (reply: FastifyReply, old: PreparedPage, defaultControl: string | undefined): Buffer {
  for (const name of NOT_UPDATED) reply.removeHeader(name)
  if (TYPES_OF_FASTIFY.has(reply.getHeader('content-type'))) reply.removeHeader('content-type')
  for (const [name, value] of Object.entries(old.headers)) if (name !== 'date' && !reply.hasHeader(name)) reply.header(name, value)
  if (old.ownEtag) reply.header('etag', old.etag)
  if (old.cacheControl && reply.getHeader('cache-control') === defaultControl) reply.header('cache-control', old.cacheControl)
  reply.code(old.status)
  return old.body
}
