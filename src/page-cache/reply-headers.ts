import type { FastifyReply } from 'fastify'
import { combineLines } from './http/fields.ts'
import type { ReplyHeaders } from './stored-response.ts'
import { isStrongEtag } from './http/conditional.ts'
import { parseVary } from './http/vary.ts'

/** Adds to a list field, behind what others said before. */
export function appendHeader (reply: FastifyReply, name: string, value: string): void {
  const existing = reply.getHeader(name)
  reply.header(name, existing === undefined ? value : `${String(existing)}, ${value}`)
}

/** A list of field names with more of them, each once; what is there stays as it is written. */
export function mergeVary (field: ReplyHeaders[string], names: readonly string[]): string {
  const listed = parseVary(field)
  if (listed.includes('*')) return '*'
  const missing = names.filter((name) => !listed.includes(name))
  return [...field === undefined ? [] : [combineLines(field)], ...new Set(missing)].join(', ')
}

const PROMISES = ['expires', 'age', 'etag', 'last-modified', 'content-encoding', 'content-range']

/** Makes an error out of an answer that was to be a page. */
export function markUncacheable (reply: FastifyReply): void {
  for (const name of PROMISES) {
    reply.removeHeader(name)
    if (!reply.raw.headersSent) reply.raw.removeHeader(name) // a stream that failed has set them
  }
  reply.header('cache-control', 'no-store')
}

/** They describe content, RFC 9110 section 8. */
const OF_CONTENT = ['content-type', 'content-length', 'content-encoding', 'content-language', 'content-disposition']

/** RFC 9110 section 15.4.5: no content, and no fields that describe content that is not sent. */
export function toNotModified (reply: FastifyReply): void {
  reply.code(304)
  if (reply.request.method === 'HEAD') return // they describe what GET would get
  for (const name of OF_CONTENT) reply.removeHeader(name)
}

/** RFC 9110 section 8.8.3: bytes that a later hook encodes in another way are not the same, though they mean the same. */
export function weakenEtag (reply: FastifyReply): void {
  const etag = reply.getHeader('etag')
  if (typeof etag === 'string' && isStrongEtag(etag)) reply.header('etag', `W/${etag}`)
}
