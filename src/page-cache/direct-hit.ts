import { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { PageCacheContext } from './context.ts'
import { findSymbol } from './key/fastify-internals.ts'
import type { RouteCacheConfig } from './options.ts'
import type { Hook, RouteHooks } from './route-hooks.ts'
import type { HitHead, PreparedPage, ResponseAtAge } from './stored-response.ts'

type Headers = HitHead['headers']

/**
 * Writes hits straight to the response of Node.
 *
 * Fastify's way there takes about 15 % of the CPU of a hit: it sets each header by itself, and runs the `onSend` hooks.
 * So it is left out if no such hook of another plugin could change the reply, and if nothing else about the request or
 * the reply is unusual. Then both ways send the same bytes.
 */
export class DirectHits {
  readonly #names: ReadonlySet<string>
  readonly #own = new Set<Hook>()
  readonly #hooks: RouteHooks
  readonly #isDirect = new Map<RouteCacheConfig, boolean>()
  #headersSymbol: symbol | undefined
  #trailersSymbol: symbol | undefined

  /** @param names those of the `onSend` hooks that hits may skip */
  constructor (hooks: RouteHooks, names: readonly string[]) {
    this.#hooks = hooks
    this.#names = new Set(names)
  }

  /** Adds `onSend` hooks of the page cache itself, which do nothing for a hit. */
  addOwnHooks (...hooks: Hook[]): void {
    for (const hook of hooks) this.#own.add(hook)
  }

  /** Writes a hit. Returns false if it has to go the way of any other reply; then nothing was done. */
  write (ctx: PageCacheContext, page: PreparedPage, at: ResponseAtAge, serverTiming: string): boolean {
    const { reply, route } = ctx
    if (!(this.#isDirect.get(route) ?? this.#findIsDirect(route, reply)) || this.#isUnusual(ctx, page)) return false
    const internals = reply as unknown as Record<symbol, Headers>
    const fromHooks = internals[this.#headersSymbol!]!
    let { head } = at
    if (head === undefined || !hasSameHeaders(head, fromHooks)) head = at.head = makeHead(page, at, fromHooks)
    if (head === undefined) return false
    const { headers, fields, timingIndex } = head
    fields[timingIndex] = serverTiming
    // For hooks that read them after the response.
    internals[this.#headersSymbol!] = { ...headers, 'server-timing': serverTiming }
    reply.raw.writeHead(page.status, page.statusMessage, fields as string[]).end(page.payload)
    return true
  }

  /** Finds out once whether the hits of a route are written directly. */
  #findIsDirect (route: RouteCacheConfig, reply: FastifyReply): boolean {
    this.#headersSymbol ??= findSymbol(reply, 'fastify.reply.headers')
    this.#trailersSymbol ??= findSymbol(reply, 'fastify.reply.trailers')
    const isDirect = this.#hooks.list(route, 'onSend')
      .every((hook) => this.#own.has(hook) || this.#names.has(readName(hook)))
    this.#isDirect.set(route, isDirect)
    return isDirect
  }

  #isUnusual (ctx: PageCacheContext, { status, body }: PreparedPage): boolean {
    const { request, reply, headerTracker: { headers } } = ctx
    const { raw } = reply
    return request.raw.method !== 'GET' || status === 204 || status === 304 || body.length === 0 ||
      // The client may want less than the whole response.
      headers['if-none-match'] !== undefined || headers['if-modified-since'] !== undefined ||
      headers.range !== undefined ||
      // Something else has changed the reply, or replied.
      reply.sent || raw.headersSent || !(raw instanceof ServerResponse) || Object.hasOwn(raw, 'writeHead') ||
      raw.getHeaderNames().length > 0 || raw.statusMessage !== undefined || Object.hasOwn(reply, 'send') ||
      (reply as unknown as Record<symbol, unknown>)[this.#trailersSymbol!] !== null
  }
}

/** Returns the name of a hook, even if Fastify has bound it. */
function readName ({ name }: Hook): string {
  return name.replace(/^bound /, '')
}

function hasSameHeaders ({ fromHooks, hookCount }: HitHead, headers: Headers): boolean {
  let count = 0
  for (const name in headers) {
    if (fromHooks[name] !== headers[name]) return false
    count++
  }
  return count === hookCount
}

/** Returns the head of a hit; undefined if headers of hooks and of the response would have to be combined. */
function makeHead (page: PreparedPage, at: ResponseAtAge, fromHooks: Headers): HitHead | undefined {
  if ('cache-status' in fromHooks || 'server-timing' in fromHooks || 'set-cookie' in at.headers) return undefined
  const headers: Headers = { ...fromHooks }
  for (const name of page.removed ?? []) delete headers[name]
  Object.assign(headers, at.headers, { 'cache-status': at.cacheStatus, 'server-timing': '' })
  headers['content-length'] = String(page.body.length)
  const fields = Object.entries(headers).flat()
  return {
    fromHooks: { ...fromHooks },
    hookCount: Object.keys(fromHooks).length,
    headers,
    fields,
    timingIndex: fields.indexOf('server-timing') + 1
  }
}
