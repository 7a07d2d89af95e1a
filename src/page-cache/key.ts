import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Plan } from './options.ts'

/** So many keys of a route are remembered, of URLs and hosts so long together. */
const MAX_KNOWN_KEYS = 1_000
const MAX_KNOWN_LENGTH = 500

/**
 * The key of a request: a digest of a list, so that no two different requests have the same one. Host and scheme
 * are those that Fastify trusts. Parameters take part in a normal order, those of one name in the order given.
 */
export function pageKey (request: FastifyRequest, plan: Plan, method: string): string {
  if (method !== 'GET' || plan.vary.length > 0 || plan.key !== undefined) return digestOf(request, plan, method)
  const { url, host, protocol } = request
  const known = plan.keys.get(url)
  if (known !== undefined && known.host === host && known.protocol === protocol) return known.key
  const key = digestOf(request, plan, method)
  if (url.length + (host?.length ?? 0) <= MAX_KNOWN_LENGTH) {
    if (plan.keys.size >= MAX_KNOWN_KEYS) plan.keys.clear()
    plan.keys.set(url, { host, protocol, key })
  }
  return key
}

function digestOf (request: FastifyRequest, plan: Plan, method: string): string {
  const url = request.url
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? [] : normalQuery(url.slice(mark + 1), plan.query)
  const parts = [
    plan.route,
    method,
    request.protocol,
    request.host?.toLowerCase() ?? null,
    normalPath(path),
    query,
    plan.vary.map((name) => request.headers[name] ?? null),
    addition(request, plan)
  ]
  return `page:${hash('sha256', JSON.stringify(parts), 'base64url')}`
}

function addition (request: FastifyRequest, { key, route }: Plan): string | null {
  if (key === undefined) return null
  const added = key(request)
  // A promise, for one, would read the same for every request.
  if (typeof added !== 'string') throw new TypeError(`key in cachePage of ${route} must return a string, got ${typeof added}`)
  return added
}

const UNRESERVED = /[A-Za-z0-9._~-]/

/** Percent-encodings that mean the same are written the same, RFC 3986 section 6.2.2. */
export function normalPath (path: string): string {
  if (!path.includes('%')) return path
  return path.replace(/%[0-9A-Fa-f]{2}/g, (encoded) => {
    const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return UNRESERVED.test(char) ? char : encoded.toUpperCase()
  })
}

/** A decoded text, or in an array the text that could not be decoded, which equals no decoded one. */
type Part = string | [string]

/** The parameters as name and value, sorted by name; a value of null is a name without "=". */
export function normalQuery (query: string, only?: ReadonlySet<string>): Array<[name: Part, value: Part | null]> {
  const pairs: Array<[Part, Part | null]> = []
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodePart(equals < 0 ? pair : pair.slice(0, equals))
    if (only !== undefined && !(typeof name === 'string' && only.has(name))) continue
    pairs.push([name, equals < 0 ? null : decodePart(pair.slice(equals + 1))])
  }
  const text = (name: Part) => typeof name === 'string' ? name : name[0]
  return pairs.sort(([a], [b]) => text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0)
}

function decodePart (encoded: string): Part {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '))
  } catch {
    return [encoded]
  }
}
