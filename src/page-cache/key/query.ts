import { isDeepStrictEqual } from 'node:util'
import type { FastifyRequest } from 'fastify'
import { filterQuery, parseSearch } from './key.ts'

/** Reads the part of a URL behind its question mark, as the option `querystringParser` of Fastify does. */
export type QuerystringParser = (search: string) => Record<string, unknown>

/**
 * Shows the hooks and the handler of a request only those parameters that are listed, since no others are in its key.
 *
 * @returns whether the request is now what its key says; not so where the application reads URLs in another way than `parse`
 */
export function removeUnkeyedParams (request: FastifyRequest, listed: ReadonlySet<string>, parse: QuerystringParser): boolean {
  const raw = request.raw as FastifyRequest['raw'] & { originalUrl?: string }
  const url = filterQuery(raw.url!, listed)
  const original = raw.originalUrl === undefined ? url : filterQuery(raw.originalUrl, listed)
  if (url === raw.url && original === (raw.originalUrl ?? url)) return true
  if (!isDeepStrictEqual({ ...parse(parseSearch(raw.url!)) }, { ...request.query as object })) return false
  raw.url = url
  if (raw.originalUrl !== undefined) raw.originalUrl = original
  // Fastify remembers it from when it was first asked for it.
  Object.defineProperty(request, 'originalUrl', { value: original })
  request.query = parse(parseSearch(url))
  return true
}
