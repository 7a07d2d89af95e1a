import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Cache } from '../../cache/index.ts'
import type { Responder } from '../serve.ts'
import { readBody, gather, isResponse } from './body.ts'
import { groupTags } from '../key/group-tags.ts'
import type { CacheStatus } from '../http/cache-status.ts'
import { freshen, validatesOther } from './freshen.ts'
import { mergeVary } from '../reply-headers.ts'
import { UpstreamFailure, type SharedFailure } from '../collapse.ts'
import { isCoveredByKey } from '../key/key.ts'
import { storedHeaders, mayServeStaleIfError, type Page, readPage, type PreparedPage, type ReplyHeaders } from '../stored-response.ts'
import { PageStore } from './store.ts'
import { describeLifetime, isFailure, decideStorage, isSharedFailure, forbiddenByLaterHooks, type StoragePolicy } from './policy.ts'
import { formatBeforeMaxAge, parseCacheControl } from '../http/cache-control.ts'
import { computeEtag } from '../http/conditional.ts'
import { parseVary } from '../http/vary.ts'
import { type StoreTask, type StoreResult, type HandlerRun, type PageCacheContext, matchRequestVary } from '../context.ts'

/** A response while it is decided whether it is kept. */
interface HandlerResponse {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly visit: PageCacheContext
  readonly run: HandlerRun
  readonly task: StoreTask
  readonly status: CacheStatus
  /** The status code that the handler gave it. */
  readonly code: number
  /** As the response has them: without what we set ourselves for want of anything better. */
  readonly headers: Record<string, ReplyHeaders[string]>
  /** Whether it says nothing of its own life. */
  readonly silent: boolean
}

/** Keeps the responses of handlers that ran, where the rules allow. */
export class UpdateCache {
  readonly #cache: Cache
  readonly #answers: Responder
  readonly #store: PageStore
  readonly #now: () => number

  constructor (cache: Cache, answers: Responder, now: () => number) {
    this.#cache = cache
    this.#answers = answers
    this.#store = new PageStore(cache, now)
    this.#now = now
  }

  /** Judges a response, and gives the payload that is to be sent. What may be kept is kept by `conclude`. */
  async receive (request: FastifyRequest, reply: FastifyReply, payload: unknown, run: HandlerRun): Promise<unknown> {
    const visit = request.pageCache!
    const { route, headerTracker, outerReads, reads } = visit
    addVary(reply, route.vary)
    const { task } = run
    if (task === undefined) {
      this.#answers.setCacheStatus(reply, run.status)
      outerReads?.include(reads)
      return payload
    }

    let body = readBody(payload, reply)
    let { status } = run
    let confirmed: boolean | undefined
    if (reply.statusCode === 304 && task.stale !== undefined) {
      confirmed = !validatesOther(reply, task.stale)
      payload = body = freshen(reply, task.stale, route.cacheControl)
      status = { ...status, fwdStatus: 304 }
    }
    const draft = draftOf(request, reply, visit, run, task, status)
    const { headers } = draft
    const names = headerTracker.readByName.filter((name) => !isCoveredByKey(name, headerTracker, request))
    const verdict = decideStorage({ plan: route, status: reply.statusCode, headers, request: { headerReads: headerTracker, names }, requested: run.requested, received: this.#now() })

    const failed = isFailure(reply.statusCode) && task.stale !== undefined && mayServeStaleIfError(task.stale, this.#now())
    const refused = failed ? `status-${reply.statusCode}` : 'refused' in verdict ? verdict.refused : isTooLong(headers, body, route.maxBytes) ? 'too-large' : undefined
    if (refused !== undefined) return await this.#refuse(draft, payload, body, refused)

    const terms = verdict as StoragePolicy
    // What HTTP/2 has for the parts of a URL is in the key of every cache.
    addVary(reply, [...terms.varyNames, ...headerTracker.keyHeaders].filter((name) => !name.startsWith(':')))
    headers.vary = reply.getHeader('vary')
    if (confirmed === false || (confirmed && !await this.#isStillTrue(visit, task.stale!))) {
      await task.finish('not-kept')
      return this.#send(draft, body as Buffer, terms, async () => ({ stored: false, notStoredBecause: 'outdated' }))
    }
    if (!Buffer.isBuffer(body)) return this.#sendStream(draft, body, terms)
    const page = pageFor(draft, terms, body, this.#now())
    return this.#send(draft, body, terms, async () => await this.#keep(draft, page, terms), page.etag)
  }

  /** When no hook can add anything any more: keeps what may be kept. */
  async conclude (reply: FastifyReply, visit: PageCacheContext): Promise<void> {
    const ending = visit.pendingStore!
    visit.pendingStore = undefined
    const { status, ttl, told } = ending
    const refused = visit.replacedByError ? 'reply-failed' : forbiddenByLaterHooks(reply.getHeaders(), ending.control)
    if (refused !== undefined) {
      ending.drop()
      if (reply.getHeader('cache-control') === told['cache-control']) reply.header('cache-control', 'no-cache')
      if (told.expires !== undefined && reply.getHeader('expires') === told.expires) reply.removeHeader('expires')
      return this.#answers.setCacheStatus(reply, { ...status, detail: refused })
    }
    const { stored, notStoredBecause = 'not-stored' } = await ending.keep()
    this.#answers.setCacheStatus(reply, stored ? { ...status, stored } : { ...status, detail: notStoredBecause }, ttl)
  }

  /** Sends a response that may be kept: the one who ran the handler is told what all others will be told. */
  #send (draft: HandlerResponse, body: Buffer, terms: StoragePolicy, keep: () => Promise<StoreResult>, etag = ''): Buffer | null {
    const { request, reply, visit, headers } = draft
    const status = reply.statusCode
    if (etag !== '') reply.header('etag', etag)
    const told = this.#tellLife(draft, terms)
    visit.outerReads?.include(visit.reads)
    const lastModified = headers['last-modified'] as string | undefined
    const part = this.#answers.selectContent(request, reply, { status, etag: String(reply.getHeader('etag') ?? ''), lastModified, date: this.#now() }, body)
    visit.pendingStore = { ...told, control: describeLifetime(reply.getHeaders()), status: { ...reply.statusCode !== status && { fwdStatus: status }, ...draft.status }, keep, drop: () => letGo(draft) }
    return part ?? null
  }

  /** Passes on a stream, and keeps it once it has come to its end. */
  #sendStream (draft: HandlerResponse, body: Readable, terms: StoragePolicy): Readable {
    const { reply, visit, task, headers, status } = draft
    const { headerTracker } = visit
    let { readCount } = headerTracker
    let flows = false
    process.nextTick(() => { flows = true })
    const told = this.#tellLife(draft, terms)
    visit.outerReads?.include(visit.reads)
    const agreed = Promise.withResolvers<boolean>()
    visit.pendingStore = {
      ...told,
      control: describeLifetime(reply.getHeaders()),
      status,
      keep: async () => {
        // What has been read meanwhile was read by hooks, which do the same to a page from the cache.
        if (!flows) ({ readCount } = headerTracker)
        agreed.resolve(true)
        return { stored: false, notStoredBecause: 'streamed' }
      },
      drop: () => {
        agreed.resolve(false)
        letGo(draft)
      }
    }
    const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
    return gather(body, visit.route.maxBytes, length, async (body) => {
      // The page may be made of what is read for it on its way.
      if (!await agreed.promise) return
      const end = !Buffer.isBuffer(body)
        ? task.finish(body === 'too-large' ? 'not-kept' : undefined)
        : headerTracker.readCount !== readCount ? task.finish(undefined) : this.#keep(draft, pageFor(draft, terms, body, this.#now()), terms)
      await end?.catch(() => {}) // it is told as an event
    })
  }

  /** Where the route has a `ttl`, what is left of it is the life that the answer tells, unless the response gives clients less. */
  #tellLife ({ reply, visit: { route }, headers, silent }: HandlerResponse, { ttl, age, clientMaxAge = Infinity }: StoragePolicy): Pick<NonNullable<PageCacheContext['pendingStore']>, 'told' | 'ttl'> {
    const told: ReplyHeaders = {}
    const left = Math.floor(ttl)
    if (route.ttl === undefined || reply.statusCode !== 200) {
      if (silent) reply.removeHeader('cache-control')
      return { told, ttl: left }
    }
    const life = Math.max(0, Math.min(ttl, clientMaxAge - age))
    Object.assign(told, {
      'cache-control': formatBeforeMaxAge(parseCacheControl(String(headers['cache-control'] ?? ''))) + Math.floor(life),
      expires: new Date(this.#now() + life * 1000).toUTCString()
    })
    reply.headers(told as Record<string, string>)
    return { told, ttl: left }
  }

  /** A page that the handler has just confirmed rests also on what it was made of at first. */
  async #isStillTrue ({ reads }: PageCacheContext, { entry }: PreparedPage): Promise<boolean> {
    if (!await this.#cache.isCurrent(entry)) return false
    this.#cache.recordDependencies(reads, entry)
    return true
  }

  async #keep ({ request, reply, visit, task, run }: HandlerResponse, content: Page, { ttl, staleFor, varyNames }: StoragePolicy): Promise<StoreResult> {
    const tags = [...visit.route.tags, ...groupTags(reply.getHeader('cache-groups'), visit.target)]
    return await this.#store.store(request, task, { content, ttl, staleFor, tags, loadedIn: this.#now() - run.requested }, varyNames)
  }

  /** A response that may not be kept, or an old page in its place. */
  async #refuse (draft: HandlerResponse, payload: unknown, body: Buffer | Readable, refused: string): Promise<unknown> {
    const { request, reply, visit, run, headers, silent, status } = draft
    const old = await this.#fail(draft, body)
    if (old !== undefined) {
      const fwdStatus = reply.statusCode
      for (const name of Object.keys(headers)) {
        const before = run.before[name]
        if (before === undefined) reply.removeHeader(name)
        else reply.header(name, before)
      }
      if (!Buffer.isBuffer(body)) body.destroy()
      if (visit.outerReads !== undefined) this.#cache.recordDependencies(visit.outerReads, old.entry)
      return this.#answers.applyStored(request, reply, old, { ...status, fwdStatus, detail: 'stale-if-error' }) ?? null
    }
    if (silent) reply.header('cache-control', reply.statusCode < 400 ? 'no-cache' : 'no-store')
    this.#answers.setCacheStatus(reply, { ...status, detail: refused })
    visit.outerReads?.include(visit.reads)
    if (!Buffer.isBuffer(body)) return body
    return isResponse(payload) ? null : payload // what it has besides a body has been taken over
  }

  /** Lets all who wait go on after a response that may not be kept; tells the old page that is to be sent in its place. */
  async #fail (draft: HandlerResponse, body: Buffer | Readable): Promise<PreparedPage | undefined> {
    const { request, code, headers, run, task, visit: { headerTracker } } = draft
    if (!isFailure(code)) {
      letGo(draft)
      return undefined
    }
    const shaping = [...new Set([...parseVary(headers.vary), ...headerTracker.readByName, ...headerTracker.keyHeaders])]
    const answer: SharedFailure | undefined = !Buffer.isBuffer(body) || headerTracker.readAll || headerTracker.readClientAddress || !isSharedFailure(code, headers)
      ? undefined
      : {
          headers: { ...storedHeaders(headers, run.before), 'cache-control': 'no-store' },
          body,
          added: request.pageCache!.customKey,
          selection: matchRequestVary(request.pageCache!, shaping)
        }
    const loaded = await task.finish(new UpstreamFailure(code, answer)).catch(() => undefined)
    return loaded?.stale && loaded.entry !== undefined ? readPage(loaded.entry) : undefined
  }
}

/** A page that is gone, or that has become somebody's own, is no more answered; another refusal of one request says nothing of it. */
function letGo ({ code, visit, task }: HandlerResponse): void {
  const isOver = !visit.replacedByError && (code === 200 || code === 404 || code === 410)
  task.finish(isOver ? 'not-kept' : undefined).catch(() => {})
}

function draftOf (request: FastifyRequest, reply: FastifyReply, visit: PageCacheContext, run: HandlerRun, task: StoreTask, status: CacheStatus): HandlerResponse {
  const headers = reply.getHeaders() as HandlerResponse['headers']
  const isDefault = visit.route.cacheControl !== undefined && headers['cache-control'] === visit.route.cacheControl
  // A handler may have said it to Node, where ours would hide it.
  const said = isDefault ? reply.raw.getHeader('cache-control') : undefined
  if (said !== undefined) reply.header('cache-control', said)
  if (isDefault) headers['cache-control'] = said
  return { request, reply, visit, run, task, status, code: reply.statusCode, headers, silent: isDefault && said === undefined }
}

function pageFor ({ visit, run, headers, reply, request }: HandlerResponse, terms: StoragePolicy, body: Buffer, now: number): Page {
  const status = reply.statusCode
  const own = headers.etag !== undefined
  const { age, staleWhileRevalidate, staleIfError, allowsAuthorization, varyNames, omitted, clientMaxAge } = terms
  // The body of which a HEAD leaves out the bytes is not known where its handler has none.
  const isUnknown = request.raw.method === 'HEAD' && body.length === 0
  const page: Page = {
    status,
    headers: storedHeaders(headers, run.before, omitted),
    body,
    etag: own ? String(headers.etag) : status === 200 && !isUnknown ? computeEtag(body) : '',
    ownEtag: own,
    age,
    staleWhileRevalidate,
    staleIfError,
    allowsAuthorization,
    varyValues: matchRequestVary(visit, varyNames).varyValues
  }
  if (visit.route.ttl !== undefined && status === 200) {
    page.cacheControl = String(headers['cache-control'] ?? '')
    delete page.headers['cache-control']
    if (clientMaxAge !== undefined) page.clientMaxAge = clientMaxAge
  } else if (headers.expires !== undefined && headers.date === undefined) {
    // RFC 9110 section 6.6.1: what has come without a date is dated.
    page.headers.date = new Date(now).toUTCString()
  }
  return page
}

function isTooLong (headers: ReplyHeaders, body: Buffer | Readable, maxBytes: number): boolean {
  return (Buffer.isBuffer(body) ? body.length : Number(headers['content-length'] ?? 0)) > maxBytes
}

function addVary (reply: FastifyReply, names: readonly string[]): void {
  if (names.length === 0) return
  const field = reply.getHeader('vary')
  const longer = mergeVary(field, names)
  if (longer !== '' && longer !== field) reply.header('vary', longer)
}
