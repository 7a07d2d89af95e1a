import type { FastifyRequest } from 'fastify'
import { type Cache, type Entry, isMiss, type LoadResult, type Miss, type ProducedValue } from '../../cache/index.ts'
import { readContent } from '../stored-response.ts'
import { type CacheLocation, isSameVaryList, matchesVary, isVariants, variantKeys, type VaryMatch, type Variants, addVaryList } from '../key/variants.ts'
import { type StoreTask, type StoreResult, type PageCacheContext, matchRequestVary } from '../context.ts'

/** A response to store, or an index of variants. */
export interface StorableResponse extends ProducedValue {
  readonly ttl: number
  readonly staleFor: number
}

/** Keeps pages where requests like the one that made them look for them. */
export class PageStore {
  readonly #cache: Cache
  readonly #now: () => number

  constructor (cache: Cache, now: () => number) {
    this.#cache = cache
    this.#now = now
  }

  /** @param list the request fields that select it */
  async store (request: FastifyRequest, { location, load }: StoreTask, made: StorableResponse, list: readonly string[]): Promise<StoreResult> {
    const visit = request.pageCache!
    if (isSameVaryList(list, location.varyMatch.varyNames)) {
      const loaded = await load.fulfil(made)
      this.#prolong(location, made)
      return loaded
    }

    const variants = addVaryList(location.variants?.value, list)
    const selection = matchRequestVary(visit, list)
    const loaded = await this.#storeSelected(variantKeys(location.primaryKey, variants.generation, selection), selection, made, visit)
    const directions = (value: Variants): StorableResponse => ({ value, ttl: lifeOfDirections(made), staleFor: 0, loadMs: null, ignoreReads: true })
    if (location.key === location.primaryKey) await load.fulfil(directions(variants))
    else {
      load.discard({ keepStale: true })
      if (variants === location.variants?.value) this.#prolong(location, made)
      else await this.#addDirections(location.primaryKey, variants.generation, (known) => directions(addVaryList(known, list)))
    }
    return loaded
  }

  /** Adds to what says where to look. Where that was deleted meanwhile, it and all pages of before stay away. */
  async #addDirections (primary: string, generation: string, add: (known: Variants) => StorableResponse): Promise<void> {
    const look = async () => {
      const found = await this.#cache.lookup(primary)
      const known = isMiss(found) ? undefined : readContent(found)
      return known !== undefined && isVariants(known) && known.generation === generation ? { known, entry: found as Entry } : undefined
    }
    const before = await look()
    if (before === undefined) return
    await this.#cache.beginLoad(primary, { miss: 'expired', seen: before.entry }, {}, async (load) => {
      const found = await look()
      if (found === undefined) load.discard({ keepStale: true })
      else load.fulfil(add(found.known))
    })
  }

  async #storeSelected (keys: readonly string[], selection: VaryMatch, made: StorableResponse, visit?: PageCacheContext): Promise<StoreResult> {
    let taken: Entry | undefined
    for (const key of keys) {
      const found = await this.#cache.lookup(key)
      if (isMiss(found)) return await this.#load(key, made, visit, found)
      const content = readContent(found)
      if (content === undefined || isVariants(content) || matchesVary(content, selection)) return await this.#load(key, made, visit, { miss: 'expired', seen: found })
      taken = found
    }
    return await this.#load(keys.at(-1)!, made, visit, { miss: 'absent', seen: taken! })
  }

  /**
   * Does not wait for another request that produces the same key.
   *
   * @param visit of whose reads it is made
   */
  #load (key: string, made: StorableResponse, visit: PageCacheContext | undefined, miss: Miss): Promise<LoadResult> {
    const options = { ...visit && { reads: visit.reads }, wait: false }
    return this.#cache.beginLoad(key, miss, options, (load) => { load.fulfil(made) })
  }

  /** What says where to look stays as long as there is something to find. */
  #prolong ({ primaryKey, variants }: CacheLocation, made: StorableResponse): void {
    if (variants === undefined || variants.entry.freshUntil - this.#now() >= (made.ttl + made.staleFor) * 1000) return
    this.#cache.touch(primaryKey, lifeOfDirections(made)).catch(() => {})
  }
}

/** Twice as long as what is found there, so that it need not be touched each time. */
const lifeOfDirections = ({ ttl, staleFor }: StorableResponse) => Math.max(1, 2 * (ttl + staleFor))
