import {
  type CacheAdapter, type Entry, isMiss, type LoadResult, type Miss, type ProducedValue
} from '../../cache/index.ts'
import { matchRequestVary, type PageCacheContext, type StoreResult, type StoreTask } from '../context.ts'
import {
  addVaryList, type CacheLocation, isSameVaryList, isVariants, matchesVary, variantKeys, type VaryMatch, type Variants
} from '../key/variants.ts'
import { type Page, readContent } from '../stored-response.ts'

/** A response, and how it is to be stored. */
export interface StorableResponse extends ProducedValue {
  readonly value: Page
  /** Seconds. */
  readonly ttl: number
  readonly staleFor: number
}

/** Stores responses under the keys at which requests for them will look. */
export class ResponseStore {
  readonly #cache: CacheAdapter
  readonly #now: () => number

  /** @param now milliseconds since 1970 */
  constructor (cache: CacheAdapter, now: () => number) {
    this.#cache = cache
    this.#now = now
  }

  /**
   * Stores a response, and settles the load that its request has begun.
   *
   * @param varyNames the request headers by which the response varies
   */
  async store (
    ctx: PageCacheContext, { location, load }: StoreTask, response: StorableResponse, varyNames: readonly string[]
  ): Promise<StoreResult> {
    const { primaryKey, key, varyMatch, variants } = location
    if (isSameVaryList(varyNames, varyMatch.varyNames)) {
      const result = await load.fulfil(response)
      this.#extendIndex(location, response)
      return result
    }

    // Requests look elsewhere for a response that varies by these headers: under the keys that the index lists.
    const index = addVaryList(variants?.value, varyNames)
    const result = await this.#storeVariant(ctx, primaryKey, index, matchRequestVary(ctx, varyNames), response)
    if (key === primaryKey) await load.fulfil(indexValue(index, response))
    else {
      load.discard({ keepStale: true })
      await this.#updateIndex(primaryKey, index.generation, varyNames, response)
    }
    return result
  }

  /** Stores a response under the first of its two keys that holds no other variant, or else under the second. */
  async #storeVariant (
    ctx: PageCacheContext, primaryKey: string, { generation }: Variants, varyMatch: VaryMatch,
    response: StorableResponse
  ): Promise<StoreResult> {
    const [firstKey, secondKey] = variantKeys(primaryKey, generation, varyMatch)
    const free = await this.#findReplaceable(firstKey, varyMatch)
    if (isMiss(free)) return await this.#produce(ctx, firstKey, free, response)
    const other = await this.#findReplaceable(secondKey, varyMatch)
    return await this.#produce(ctx, secondKey, isMiss(other) ? other : { miss: 'absent', seen: other }, response)
  }

  /** Returns a miss if a variant may be stored under a key; else the entry of another variant. */
  async #findReplaceable (key: string, varyMatch: VaryMatch): Promise<Miss | Entry> {
    const found = await this.#cache.lookup(key)
    if (isMiss(found)) return found
    const content = readContent(found)
    const isOther = content !== undefined && !isVariants(content) && !matchesVary(content, varyMatch)
    return isOther ? found : { miss: 'expired', seen: found }
  }

  /** Stores a response without waiting for another request that produces the same key. */
  #produce (ctx: PageCacheContext, key: string, miss: Miss, response: StorableResponse): Promise<LoadResult> {
    const options = { reads: ctx.reads, wait: false }
    return this.#cache.beginLoad(key, miss, options, (load) => { load.fulfil(response) })
  }

  /** Adds a list to a stored index. If the index has been deleted meanwhile, it and its variants stay deleted. */
  async #updateIndex (
    primaryKey: string, generation: string, varyNames: readonly string[], response: StorableResponse
  ): Promise<void> {
    const before = await this.#readIndex(primaryKey, generation)
    if (before === undefined) return
    const miss: Miss = { miss: 'expired', seen: before.entry }
    await this.#cache.beginLoad(primaryKey, miss, {}, (load) => {
      // Reads it again: another request may have added a list.
      this.#readIndex(primaryKey, generation).then((stored) => {
        if (stored === undefined) load.discard({ keepStale: true })
        else load.fulfil(indexValue(addVaryList(stored.index, varyNames), response))
      }, load.fail)
    })
  }

  /** Returns the index of a URL, unless it is of another generation. */
  async #readIndex (primaryKey: string, generation: string): Promise<{ entry: Entry, index: Variants } | undefined> {
    const found = await this.#cache.lookup(primaryKey)
    const content = isMiss(found) ? undefined : readContent(found)
    const isSame = content !== undefined && isVariants(content) && content.generation === generation
    return isSame ? { entry: found as Entry, index: content } : undefined
  }

  /** Extends the lifetime of the index, so that it stays as long as its variants. */
  #extendIndex ({ primaryKey, variants }: CacheLocation, response: StorableResponse): void {
    if (variants === undefined) return
    const remainingMs = variants.entry.freshUntil - this.#now()
    if (remainingMs >= (response.ttl + response.staleFor) * 1000) return
    this.#cache.touch(primaryKey, indexTtl(response)).catch(() => {}) // the cache emits it as an event
  }
}

/** The index as it is stored. It has no dependencies: it stays true whatever was read for the variants. */
function indexValue (index: Variants, response: StorableResponse): ProducedValue {
  return { value: index, ttl: indexTtl(response), loadMs: null, ignoreReads: true }
}

/** Seconds for which the index is stored: twice as long as the variant, so that not each variant extends it. */
function indexTtl ({ ttl, staleFor }: StorableResponse): number {
  return Math.max(1, 2 * (ttl + staleFor))
}
