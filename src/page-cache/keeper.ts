import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Cache, type Entry, isMiss, type Loaded, type Miss } from '../cache/index.ts'
import type { Answers } from './answers.ts'
import { bodyOf, gather, isResponse } from './body.ts'
import { directivesBeforeMaxAge, parseCacheControl } from './rules/cache-control.ts'
import { groupTags } from './cache-groups.ts'
import type { CacheStatus } from './cache-status.ts'
import { etagOf } from './rules/conditional.ts'
import { withNames } from './fields.ts'
import type { Place } from './finder.ts'
import { fill, type Made, PageFailure, type SharedFailure } from './handover.ts'
import { isInKey } from './key.ts'
import { contentOf, keptHeaders, mayStandIn, type Page, pageOf, type ReadyPage, type ReplyHeaders } from './page.ts'
import { isFailure, judge, mayShare, type Terms } from './policy.ts'
import { isSameList, isSelected, isVariants, placesOf, type Selection, type Variants, withList } from './variants.ts'
import { varyNames } from './rules/vary.ts'
import { type KeepTask, type PageRun, type PageVisit, selectionOf } from './visit.ts'

/** Fields of a 304 that do not replace those of the page that it confirms, RFC 9111 section 3.2. */
const NOT_UPDATED = ['content-encoding', 'content-length', 'content-md5', 'content-range', 'etag']

/** A response while it is decided whether it is kept. */
interface Draft {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly visit: PageVisit
  readonly run: PageRun
  readonly task: KeepTask
  /** As the response has them: without what we set ourselves for want of anything better. */
  readonly headers: Record<string, ReplyHeaders[string]>
  /** Whether it says nothing of its own life. */
  readonly silent: boolean
}

/** What became of a response. */
type Kept = Pick<Loaded, 'stored' | 'refusal'>

/** Keeps the responses of handlers that ran, where the rules allow. */
export class Keeper {
  readonly #cache: Cache
  readonly #answers: Answers
  readonly #now: () => number

  constructor (cache: Cache, answers: Answers, now: () => number) {
    this.#cache = cache
    this.#answers = answers
    this.#now = now
  }

  /** Gives the payload that is to be sent. */
  async keep (request: FastifyRequest, reply: FastifyReply, payload: unknown, run: PageRun): Promise<unknown> {
    const visit = request.pageVisit!
    const { plan, headerReads, outer, reads } = visit
    addVary(reply, plan.vary)
    if (run.task === undefined) {
      this.#answers.describe(reply, run.status)
      outer?.include(reads)
      return payload
    }

    let body = bodyOf(payload, reply)
    let { status } = run
    if (reply.statusCode === 304 && run.task.old !== undefined) {
      body = confirm(reply, run.task.old, plan.cacheControl)
      status = { ...status, fwdStatus: 304 }
    }
    const draft = draftOf(request, reply, visit, run, run.task)
    const { headers } = draft
    const requestRead = { headers: headerReads.headers, names: headerReads.names.filter((name) => !isInKey(name, headerReads.headers[name], request)), all: headerReads.all }
    const verdict = judge({ plan, status: reply.statusCode, headers, request: requestRead, requested: run.requested, received: this.#now() })

    const failed = isFailure(reply.statusCode) && run.task.old !== undefined && mayStandIn(run.task.old, this.#now())
    const refused = failed ? `status-${reply.statusCode}` : 'refused' in verdict ? verdict.refused : isTooLong(headers, body, plan.maxBytes) ? 'too-large' : undefined
    if (refused !== undefined) return await this.#refuse(draft, payload, body, refused)

    const terms = verdict as Terms
    // What HTTP/2 has for the parts of a URL is in the key of every cache.
    addVary(reply, [...terms.list, ...headerReads.covered].filter((name) => !name.startsWith(':')))
    headers.vary = reply.getHeader('vary')
    if (status.fwdStatus === 304 && !await this.#isStillTrue(visit, run.task.old!)) {
      await run.task.finish?.('not-kept')
      return this.#send(draft, body as Buffer, terms, { ...status, detail: 'outdated' })
    }
    if (!Buffer.isBuffer(body)) return this.#keepStream(draft, body, terms, status)

    const page = pageFor(draft, terms, body)
    const { stored, refusal = 'not-stored' } = await this.#store(draft, page, terms)
    return this.#send(draft, body, terms, stored ? { ...status, stored } : { ...status, detail: refusal }, page.etag)
  }

  /** Sends a response that was kept, or might have been: the one who ran the handler is told what all others will be told. */
  #send ({ request, reply, visit, headers, silent }: Draft, body: Buffer, terms: Terms, status: CacheStatus, etag = ''): Buffer | null {
    if (etag !== '') reply.header('etag', etag)
    this.#tellLife(reply, visit, headers, silent, terms)
    this.#answers.describe(reply, status, Math.floor(terms.ttl))
    visit.outer?.include(visit.reads)
    const lastModified = headers['last-modified'] as string | undefined
    return this.#answers.part(request, reply, { status: reply.statusCode, etag: String(reply.getHeader('etag') ?? ''), lastModified, date: this.#now() }, body) ?? null
  }

  /** Where the route has a `ttl`, what is left of it is the life that the answer tells. */
  #tellLife (reply: FastifyReply, { plan }: PageVisit, headers: ReplyHeaders, silent: boolean, { ttl }: Terms): void {
    if (plan.ttl === undefined || reply.statusCode !== 200) {
      if (silent) reply.removeHeader('cache-control')
      return
    }
    reply.header('cache-control', directivesBeforeMaxAge(parseCacheControl(String(headers['cache-control'] ?? ''))) + Math.floor(ttl))
    reply.header('expires', new Date(this.#now() + ttl * 1000).toUTCString())
  }

  /** Passes on a stream, and keeps it once it has come to its end. */
  #keepStream (draft: Draft, body: Readable, terms: Terms, status: CacheStatus): Readable {
    const { reply, visit, task, headers, silent } = draft
    this.#tellLife(reply, visit, headers, silent, terms)
    this.#answers.describe(reply, { ...status, detail: 'streamed' }, Math.floor(terms.ttl))
    visit.outer?.include(visit.reads)
    const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
    return gather(body, visit.plan.maxBytes, length, (body) => {
      const end = Buffer.isBuffer(body)
        ? this.#store(draft, pageFor(draft, terms, body), terms)
        : task.finish?.(body === 'too-large' ? 'not-kept' : undefined)
      end?.catch(() => {}) // it is told as an event
    })
  }

  /** A page that the handler has just confirmed rests also on what it was made of at first. */
  async #isStillTrue ({ reads }: PageVisit, { entry }: ReadyPage): Promise<boolean> {
    if (!await this.#cache.isCurrent(entry)) return false
    this.#cache.noteReads(reads, entry)
    return true
  }

  /** A response that may not be kept, or an old page in its place. */
  async #refuse (draft: Draft, payload: unknown, body: Buffer | Readable, refused: string): Promise<unknown> {
    const { request, reply, visit, run, headers, silent } = draft
    const old = await this.#settle(draft, body)
    if (old !== undefined) {
      const fwdStatus = reply.statusCode
      for (const name of Object.keys(headers)) {
        const before = run.before[name]
        if (before === undefined) reply.removeHeader(name)
        else reply.header(name, before)
      }
      if (!Buffer.isBuffer(body)) body.destroy()
      if (visit.outer !== undefined) this.#cache.noteReads(visit.outer, old.entry)
      return this.#answers.present(request, reply, old, { ...run.status, fwdStatus, detail: 'stale-if-error' }) ?? null
    }
    if (silent) reply.header('cache-control', reply.statusCode < 400 ? 'no-cache' : 'no-store')
    this.#answers.describe(reply, { ...run.status, detail: refused })
    visit.outer?.include(visit.reads)
    if (!Buffer.isBuffer(body)) return body
    return isResponse(payload) ? null : payload // what it has besides a body has been taken over
  }

  /** Lets all who wait go on after a response that may not be kept; tells the old page that is to be sent in its place. */
  async #settle ({ reply, headers, run, task, visit }: Draft, body: Buffer | Readable): Promise<ReadyPage | undefined> {
    const { statusCode } = reply
    if (task.finish === undefined) return undefined
    if (!isFailure(statusCode)) {
      // A page that is gone, or that has become somebody's own, is no more answered; a refusal of this one request says nothing of it.
      task.finish(statusCode === 200 || statusCode === 404 || statusCode === 410 ? 'not-kept' : undefined).catch(() => {})
      return undefined
    }
    const shaping = [...new Set([...varyNames(headers.vary), ...visit.headerReads.names])]
    const answer: SharedFailure | undefined = !Buffer.isBuffer(body) || visit.headerReads.all || !mayShare(statusCode, headers)
      ? undefined
      : {
          headers: { ...keptHeaders(headers, run.before), 'cache-control': 'no-store' },
          body,
          varies: shaping.map((name) => [name, visit.headerReads.headers[name]])
        }
    const loaded = await task.finish(new PageFailure(statusCode, answer)).catch(() => undefined)
    return loaded?.stale && loaded.entry !== undefined ? pageOf(loaded.entry) : undefined
  }

  // Where it is kept

  /** Keeps a page where requests like this one look for it. */
  async #store ({ request, visit, task, reply }: Draft, page: Page, terms: Terms): Promise<Kept> {
    const { place, finish, alone } = task
    if (alone?.revoked) return { stored: false, refusal: 'revoked' }
    const made: Made = {
      content: page,
      ttl: terms.ttl,
      keepFor: terms.keepFor,
      tags: [...visit.plan.tags, ...groupTags(reply.getHeader('cache-groups'), visit.target)]
    }
    if (finish !== undefined && isSameList(terms.list, place.selection.list)) {
      const loaded = await finish(made)
      this.#prolong(place, made)
      return loaded
    }
    if (terms.list.length === 0 && place.variants === undefined) return await this.#storeSelected([place.primary], place.selection, made, visit)

    const variants = withList(place.variants?.value, terms.list)
    const selection = selectionOf(request, terms.list)
    const loaded = await this.#storeSelected(placesOf(place.primary, variants.generation, selection), selection, made, visit)
    const directions = (content: Variants): Made => ({ content, ttl: lifeOfDirections(made), keepFor: 0, tags: [] })
    if (finish !== undefined && place.key === place.primary) await finish(directions(variants))
    else {
      finish?.(undefined).catch(() => {})
      if (variants === place.variants?.value) this.#prolong(place, made)
      else if (place.variants === undefined) await this.#storeSelected([place.primary], place.selection, directions(variants))
      else await this.#addDirections(place.primary, variants.generation, (known) => directions(withList(known, terms.list)))
    }
    return loaded
  }

  /** Adds to what says where to look. Where that was deleted meanwhile, it and all pages of before stay away. */
  async #addDirections (primary: string, generation: string, add: (known: Variants) => Made): Promise<void> {
    const look = async () => {
      const found = await this.#cache.lookup(primary)
      const known = isMiss(found) ? undefined : contentOf(found)
      return known !== undefined && isVariants(known) && known.generation === generation ? { known, entry: found as Entry } : undefined
    }
    const before = await look()
    if (before === undefined) return
    await this.#cache.load(primary, async (context) => {
      const found = await look()
      return found === undefined ? context.skipStore(true) : fill(context, add(found.known))
    }, {}, { miss: 'expired', seen: before.entry })
  }

  async #storeSelected (keys: readonly string[], selection: Selection, made: Made, visit?: PageVisit): Promise<Kept> {
    let taken: Entry | undefined
    for (const key of keys) {
      const found = await this.#cache.lookup(key, { lease: true })
      if (isMiss(found)) return isUnderWay(found) ? { stored: false } : await this.#load(key, made, visit, found)
      const content = contentOf(found)
      if (content === undefined || isVariants(content) || isSelected(content, selection)) return await this.#load(key, made, visit, { miss: 'expired', seen: found })
      taken = found
    }
    return await this.#load(keys.at(-1)!, made, visit, { miss: 'absent', seen: taken! })
  }

  /** @param visit of whose reads it is made */
  #load (key: string, made: Made, visit: PageVisit | undefined, miss: Miss): Promise<Loaded> {
    return this.#cache.load(key, (context) => fill(context, made), visit === undefined ? {} : { reads: visit.reads }, miss)
  }

  /** What says where to look stays as long as there is something to find. */
  #prolong ({ primary, variants }: Place, made: Made): void {
    if (variants === undefined || variants.entry.freshUntil - this.#now() >= (made.ttl + made.keepFor) * 1000) return
    this.#cache.touch(primary, lifeOfDirections(made)).catch(() => {})
  }
}

/** Whether another request is making what is missing, so that whoever has something else for the place would wait for it. */
function isUnderWay ({ underWay, vacancy }: Miss): boolean {
  return vacancy?.lease === undefined && (underWay !== undefined || vacancy?.watch !== undefined)
}

/** Twice as long as what is found there, so that it need not be touched each time. */
const lifeOfDirections = ({ ttl, keepFor }: Made) => Math.max(1, 2 * (ttl + keepFor))

function draftOf (request: FastifyRequest, reply: FastifyReply, visit: PageVisit, run: PageRun, task: KeepTask): Draft {
  const headers = { ...reply.getHeaders() } as Draft['headers']
  const silent = visit.plan.cacheControl !== undefined && headers['cache-control'] === visit.plan.cacheControl
  if (silent) delete headers['cache-control']
  return { request, reply, visit, run, task, headers, silent }
}

/** Makes a reply that confirms an old page into one that has it as a whole, RFC 9111 section 4.3.4. */
function confirm (reply: FastifyReply, old: ReadyPage, defaultControl: string | undefined): Buffer {
  for (const name of NOT_UPDATED) reply.removeHeader(name)
  for (const [name, value] of Object.entries(old.headers)) if (name !== 'date' && !reply.hasHeader(name)) reply.header(name, value)
  if (old.ownEtag) reply.header('etag', old.etag)
  if (old.cacheControl && reply.getHeader('cache-control') === defaultControl) reply.header('cache-control', old.cacheControl)
  reply.code(old.status)
  return old.body
}

function pageFor ({ visit, run, headers, reply, request }: Draft, terms: Terms, body: Buffer): Page {
  const status = reply.statusCode
  const own = headers.etag !== undefined
  const { age, staleWhileRevalidate, staleIfError, forAll, list, omitted } = terms
  const page: Page = {
    status,
    headers: keptHeaders(headers, run.before, omitted),
    body,
    etag: own ? String(headers.etag) : status === 200 ? etagOf(body) : '',
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
