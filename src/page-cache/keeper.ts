import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Cache } from '../cache/index.ts'
import type { Answers } from './answers.ts'
import { bodyOf, gather, isResponse } from './body.ts'
import { groupTags } from './cache-groups.ts'
import type { CacheStatus } from './cache-status.ts'
import { confirm, isOfAnother } from './confirmation.ts'
import { withNames } from './fields.ts'
import { PageFailure, type SharedFailure } from './handover.ts'
import { isInKey } from './key.ts'
import { keptHeaders, mayStandIn, type Page, pageOf, type ReadyPage, type ReplyHeaders } from './page.ts'
import { PageStore } from './page-store.ts'
import { controlOf, isFailure, judge, mayShare, refusedByHooks, type Terms } from './policy.ts'
import { directivesBeforeMaxAge, parseCacheControl } from './rules/cache-control.ts'
import { etagOf } from './rules/conditional.ts'
import { varyNames } from './rules/vary.ts'
import { type KeepTask, type Kept, type PageRun, type PageVisit, selectionOf } from './visit.ts'

/** A response while it is decided whether it is kept. */
interface Draft {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly visit: PageVisit
  readonly run: PageRun
  readonly task: KeepTask
  readonly status: CacheStatus
  /** The status code that the handler gave it. */
  readonly code: number
  /** As the response has them: without what we set ourselves for want of anything better. */
  readonly headers: Record<string, ReplyHeaders[string]>
  /** Whether it says nothing of its own life. */
  readonly silent: boolean
}

/** Keeps the responses of handlers that ran, where the rules allow. */
export class Keeper {
  readonly #cache: Cache
  readonly #answers: Answers
  readonly #store: PageStore
  readonly #now: () => number

  constructor (cache: Cache, answers: Answers, now: () => number) {
    this.#cache = cache
    this.#answers = answers
    this.#store = new PageStore(cache, now)
    this.#now = now
  }

  /** Judges a response, and gives the payload that is to be sent. What may be kept is kept by `conclude`. */
  async receive (request: FastifyRequest, reply: FastifyReply, payload: unknown, run: PageRun): Promise<unknown> {
    const visit = request.pageVisit!
    const { plan, headerReads, outer, reads } = visit
    addVary(reply, plan.vary)
    const { task } = run
    if (task === undefined) {
      this.#answers.describe(reply, run.status)
      outer?.include(reads)
      return payload
    }

    let body = bodyOf(payload, reply)
    let { status } = run
    let confirmed: boolean | undefined
    if (reply.statusCode === 304 && task.old !== undefined) {
      confirmed = !isOfAnother(reply, task.old)
      payload = body = confirm(reply, task.old, plan.cacheControl)
      status = { ...status, fwdStatus: 304 }
    }
    const draft = draftOf(request, reply, visit, run, task, status)
    const { headers } = draft
    const names = headerReads.names.filter((name) => !isInKey(name, headerReads, request))
    const verdict = judge({ plan, status: reply.statusCode, headers, request: { headerReads, names }, requested: run.requested, received: this.#now() })

    const failed = isFailure(reply.statusCode) && task.old !== undefined && mayStandIn(task.old, this.#now())
    const refused = failed ? `status-${reply.statusCode}` : 'refused' in verdict ? verdict.refused : isTooLong(headers, body, plan.maxBytes) ? 'too-large' : undefined
    if (refused !== undefined) return await this.#refuse(draft, payload, body, refused)

    const terms = verdict as Terms
    // What HTTP/2 has for the parts of a URL is in the key of every cache.
    addVary(reply, [...terms.list, ...headerReads.covered].filter((name) => !name.startsWith(':')))
    headers.vary = reply.getHeader('vary')
    if (confirmed === false || (confirmed && !await this.#isStillTrue(visit, task.old!))) {
      await task.finish?.('not-kept')
      return this.#send(draft, body as Buffer, terms, async () => ({ stored: false, refusal: 'outdated' }))
    }
    if (!Buffer.isBuffer(body)) return this.#sendStream(draft, body, terms)
    const page = pageFor(draft, terms, body, this.#now())
    return this.#send(draft, body, terms, async () => await this.#keep(draft, page, terms), page.etag)
  }

  /** When no hook can add anything any more: keeps what may be kept. */
  async conclude (reply: FastifyReply, visit: PageVisit): Promise<void> {
    const ending = visit.ending!
    visit.ending = undefined
    const { status, ttl, told } = ending
    const refused = visit.superseded ? 'reply-failed' : refusedByHooks(reply.getHeaders(), ending.control)
    if (refused !== undefined) {
      ending.drop()
      if (reply.getHeader('cache-control') === told['cache-control']) reply.header('cache-control', 'no-cache')
      if (told.expires !== undefined && reply.getHeader('expires') === told.expires) reply.removeHeader('expires')
      return this.#answers.describe(reply, { ...status, detail: refused })
    }
    const { stored, refusal = 'not-stored' } = await ending.keep()
    this.#answers.describe(reply, stored ? { ...status, stored } : { ...status, detail: refusal }, ttl)
  }

  /** Sends a response that may be kept: the one who ran the handler is told what all others will be told. */
  #send (draft: Draft, body: Buffer, terms: Terms, keep: () => Promise<Kept>, etag = ''): Buffer | null {
    const { request, reply, visit, headers } = draft
    const status = reply.statusCode
    if (etag !== '') reply.header('etag', etag)
    const told = this.#tellLife(draft, terms)
    visit.outer?.include(visit.reads)
    const lastModified = headers['last-modified'] as string | undefined
    const part = this.#answers.part(request, reply, { status, etag: String(reply.getHeader('etag') ?? ''), lastModified, date: this.#now() }, body)
    visit.ending = { ...told, control: controlOf(reply.getHeaders()), status: { ...reply.statusCode !== status && { fwdStatus: status }, ...draft.status }, keep, drop: () => letGo(draft) }
    return part ?? null
  }

  /** Passes on a stream, and keeps it once it has come to its end. */
  #sendStream (draft: Draft, body: Readable, terms: Terms): Readable {
    const { reply, visit, task, headers, status } = draft
    const { headerReads } = visit
    let { count } = headerReads
    let flows = false
    process.nextTick(() => { flows = true })
    const told = this.#tellLife(draft, terms)
    visit.outer?.include(visit.reads)
    const agreed = Promise.withResolvers<boolean>()
    visit.ending = {
      ...told,
      control: controlOf(reply.getHeaders()),
      status,
      keep: async () => {
        // What has been read meanwhile was read by hooks, which do the same to a page from the cache.
        if (!flows) ({ count } = headerReads)
        agreed.resolve(true)
        return { stored: false, refusal: 'streamed' }
      },
      drop: () => {
        agreed.resolve(false)
        letGo(draft)
      }
    }
    const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
    return gather(body, visit.plan.maxBytes, length, async (body) => {
      // The page may be made of what is read for it on its way.
      if (!await agreed.promise) return
      const end = !Buffer.isBuffer(body)
        ? task.finish?.(body === 'too-large' ? 'not-kept' : undefined)
        : headerReads.count !== count ? task.finish?.(undefined) : this.#keep(draft, pageFor(draft, terms, body, this.#now()), terms)
      await end?.catch(() => {}) // it is told as an event
    })
  }

  /** Where the route has a `ttl`, what is left of it is the life that the answer tells, unless the response gives clients less. */
  #tellLife ({ reply, visit: { plan }, headers, silent }: Draft, { ttl, age, clientLife = Infinity }: Terms): Pick<NonNullable<PageVisit['ending']>, 'told' | 'ttl'> {
    const told: ReplyHeaders = {}
    const left = Math.floor(ttl)
    if (plan.ttl === undefined || reply.statusCode !== 200) {
      if (silent) reply.removeHeader('cache-control')
      return { told, ttl: left }
    }
    const life = Math.max(0, Math.min(ttl, clientLife - age))
    Object.assign(told, {
      'cache-control': directivesBeforeMaxAge(parseCacheControl(String(headers['cache-control'] ?? ''))) + Math.floor(life),
      expires: new Date(this.#now() + life * 1000).toUTCString()
    })
    reply.headers(told as Record<string, string>)
    return { told, ttl: left }
  }

  /** A page that the handler has just confirmed rests also on what it was made of at first. */
  async #isStillTrue ({ reads }: PageVisit, { entry }: ReadyPage): Promise<boolean> {
    if (!await this.#cache.isCurrent(entry)) return false
    this.#cache.noteReads(reads, entry)
    return true
  }

  async #keep ({ request, reply, visit, task, run }: Draft, content: Page, { ttl, keepFor, list }: Terms): Promise<Kept> {
    const tags = [...visit.plan.tags, ...groupTags(reply.getHeader('cache-groups'), visit.target)]
    return await this.#store.store(request, task, { content, ttl, keepFor, tags, madeIn: this.#now() - run.requested }, list)
  }

  /** A response that may not be kept, or an old page in its place. */
  async #refuse (draft: Draft, payload: unknown, body: Buffer | Readable, refused: string): Promise<unknown> {
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
      if (visit.outer !== undefined) this.#cache.noteReads(visit.outer, old.entry)
      return this.#answers.present(request, reply, old, { ...status, fwdStatus, detail: 'stale-if-error' }) ?? null
    }
    if (silent) reply.header('cache-control', reply.statusCode < 400 ? 'no-cache' : 'no-store')
    this.#answers.describe(reply, { ...status, detail: refused })
    visit.outer?.include(visit.reads)
    if (!Buffer.isBuffer(body)) return body
    return isResponse(payload) ? null : payload // what it has besides a body has been taken over
  }

  /** Lets all who wait go on after a response that may not be kept; tells the old page that is to be sent in its place. */
  async #fail (draft: Draft, body: Buffer | Readable): Promise<ReadyPage | undefined> {
    const { request, code, headers, run, task, visit: { headerReads } } = draft
    if (!isFailure(code)) {
      letGo(draft)
      return undefined
    }
    if (task.finish === undefined) return undefined
    const shaping = [...new Set([...varyNames(headers.vary), ...headerReads.names, ...headerReads.covered])]
    const answer: SharedFailure | undefined = !Buffer.isBuffer(body) || headerReads.all || headerReads.address || !mayShare(code, headers)
      ? undefined
      : {
          headers: { ...keptHeaders(headers, run.before), 'cache-control': 'no-store' },
          body,
          added: request.pageVisit!.added,
          selection: selectionOf(request, shaping)
        }
    const loaded = await task.finish(new PageFailure(code, answer)).catch(() => undefined)
    return loaded?.stale && loaded.entry !== undefined ? pageOf(loaded.entry) : undefined
  }
}

/** A page that is gone, or that has become somebody's own, is no more answered; another refusal of one request says nothing of it. */
function letGo ({ code, visit, task }: Draft): void {
  const isOver = !visit.superseded && (code === 200 || code === 404 || code === 410)
  task.finish?.(isOver ? 'not-kept' : undefined).catch(() => {})
}

function draftOf (request: FastifyRequest, reply: FastifyReply, visit: PageVisit, run: PageRun, task: KeepTask, status: CacheStatus): Draft {
  const headers = reply.getHeaders() as Draft['headers']
  const isDefault = visit.plan.cacheControl !== undefined && headers['cache-control'] === visit.plan.cacheControl
  // A handler may have said it to Node, where ours would hide it.
  const said = isDefault ? reply.raw.getHeader('cache-control') : undefined
  if (said !== undefined) reply.header('cache-control', said)
  if (isDefault) headers['cache-control'] = said
  return { request, reply, visit, run, task, status, code: reply.statusCode, headers, silent: isDefault && said === undefined }
}

function pageFor ({ visit, run, headers, reply, request }: Draft, terms: Terms, body: Buffer, now: number): Page {
  const status = reply.statusCode
  const own = headers.etag !== undefined
  const { age, staleWhileRevalidate, staleIfError, forAll, list, omitted, clientLife } = terms
  // The body of which a HEAD leaves out the bytes is not known where its handler has none.
  const isUnknown = request.raw.method === 'HEAD' && body.length === 0
  const page: Page = {
    status,
    headers: keptHeaders(headers, run.before, omitted),
    body,
    etag: own ? String(headers.etag) : status === 200 && !isUnknown ? etagOf(body) : '',
    ownEtag: own,
    age,
    staleWhileRevalidate,
    staleIfError,
    forAll,
    selected: selectionOf(request, list).values
  }
  if (visit.plan.ttl !== undefined && status === 200) {
    page.cacheControl = String(headers['cache-control'] ?? '')
    delete page.headers['cache-control']
    if (clientLife !== undefined) page.clientLife = clientLife
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
  const longer = withNames(field, names)
  if (longer !== '' && longer !== field) reply.header('vary', longer)
}
