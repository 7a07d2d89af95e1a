import { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { isStrongEtag } from './http/conditional.ts'
import { combineLines } from './http/fields.ts'
import { parseVary } from './http/vary.ts'
import { toFieldName } from './key/cookies.ts'
import type { ReplyHeaders } from './stored-response.ts'

/** Appends to a list header. */
export function appendHeader (reply: FastifyReply, name: string, value: string): void {
  const existing = reply.getHeader(name)
  reply.header(name, existing === undefined ? value : `${String(existing)}, ${value}`)
}

/** Adds what selects a reply to its `Vary`, each header once; the names that it has stay as they are written. */
export function addVary (reply: FastifyReply, names: readonly string[]): void {
  if (names.length === 0) return
  const field = reply.getHeader('vary')
  const merged = mergeVary(field, names.map(toFieldName).filter((name) => name !== undefined))
  if (merged !== '' && merged !== field) reply.header('vary', merged)
}

function mergeVary (field: ReplyHeaders[string], names: readonly string[]): string {
  const listed = parseVary(field)
  if (listed.includes('*')) return '*'
  const missing = names.filter((name) => !listed.includes(name))
  return [...field === undefined ? [] : [combineLines(field)], ...new Set(missing)].join(', ')
}

/**
 * The `Cache-Control` of a reply whose handler has set none; no handler writes it like this.
 *
 * With an empty header instead, the default that another plugin sets in an earlier `onSend` hook, as @fastify/caching
 * does, could not be distinguished from the handler's own `Cache-Control`, and would outrank the `ttl` of the route.
 */
const SILENT = 'max-age=00'

/** Marks a reply whose handler has not set `Cache-Control` yet. */
export function markSilence (reply: FastifyReply): void {
  reply.header('cache-control', SILENT)
}

/** Removes the mark, if the handler has not replaced it. */
export function unmarkSilence (reply: FastifyReply): void {
  if (reply.getHeader('cache-control') !== SILENT) return
  // The handler may have set the header through Node, where Fastify's value hides it.
  const own = reply.raw.getHeader('cache-control')
  reply.removeHeader('cache-control')
  if (own !== undefined) reply.header('cache-control', own)
}

/** Headers with which a response can be stored, validated or decoded. */
const CACHING_HEADERS = ['expires', 'age', 'etag', 'last-modified', 'content-encoding', 'content-range']

/** Removes from a reply all headers that hold only for a response that may be cached: it has become an error. */
export function markUncacheable (reply: FastifyReply): void {
  for (const name of CACHING_HEADERS) {
    reply.removeHeader(name)
    if (!reply.raw.headersSent) reply.raw.removeHeader(name) // a stream that failed has set them
  }
  reply.header('cache-control', 'no-store')
}

/** Returns the text after the status; undefined for the usual one. HTTP/2 has none, and Node warns of reading it. */
export function readStatusMessage ({ raw }: FastifyReply): string | undefined {
  return raw instanceof ServerResponse && raw.statusMessage !== '' ? raw.statusMessage : undefined
}

/** Sets the text after the status, unless HTTP has none. @param message undefined for the usual one */
export function setStatusMessage (reply: FastifyReply, message: string | undefined): void {
  if (reply.raw instanceof ServerResponse) reply.raw.statusMessage = message ?? ''
}

/** Headers that describe content, RFC 9110 section 8. */
const CONTENT_HEADERS = [
  'content-type', 'content-length', 'content-encoding', 'content-language', 'content-disposition'
]

/** Makes a reply a 304, without the headers that describe the content that is not sent, RFC 9110 section 15.4.5. */
export function toNotModified (reply: FastifyReply): void {
  reply.code(304)
  setStatusMessage(reply, undefined)
  if (reply.request.method === 'HEAD') return // they describe the content of a GET
  for (const name of CONTENT_HEADERS) reply.removeHeader(name)
}

/** Makes the entity tag weak, because a later hook has encoded the body: RFC 9110 section 8.8.3. */
export function weakenEtag (reply: FastifyReply): void {
  const etag = reply.getHeader('etag')
  if (typeof etag === 'string' && isStrongEtag(etag)) reply.header('etag', `W/${etag}`)
}
