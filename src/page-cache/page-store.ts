import type { FastifyRequest } from 'fastify'
import { type Cache, type Entry, isMiss, type Loaded, type Miss } from '../cache/index.ts'
import type { Place } from './finder.ts'
import { fill, type Made } from './handover.ts'
import { contentOf } from './page.ts'
import { isSameList, isSelected, isVariants, placesOf, type Selection, type Variants, withList } from './variants.ts'
import { type KeepTask, type Kept, type PageVisit, selectionOf } from './visit.ts'

/** Keeps pages where requests like the one that made them look for them. */
export class PageStore {
  readonly #cache: Cache
  readonly #now: () => number

  constructor (cache: Cache, now: () => number) {
    this.#cache = cache
    this.#now = now
  }

  /** @param list the request fields that select it */
  async store (request: FastifyRequest, { place, finish, alone }: KeepTask, made: Made, list: readonly string[]): Promise<Kept> {
    const visit = request.pageVisit!
    if (alone?.revoked) return { stored: false, refusal: 'revoked' }
    if (finish !== undefined && isSameList(list, place.selection.list)) {
      const loaded = await finish(made)
      this.#prolong(place, made)
      return loaded
    }
    if (list.length === 0 && place.variants === undefined) return await this.#storeSelected([place.primary], place.selection, made, visit)

    const variants = withList(place.variants?.value, list)
    const selection = selectionOf(request, list)
    const loaded = await this.#storeSelected(placesOf(place.primary, variants.generation, selection), selection, made, visit)
    const directions = (content: Variants): Made => ({ content, ttl: lifeOfDirections(made), keepFor: 0, tags: [], madeIn: null })
    if (finish !== undefined && place.key === place.primary) await finish(directions(variants))
    else {
      finish?.(undefined).catch(() => {})
      if (variants === place.variants?.value) this.#prolong(place, made)
      else if (place.variants === undefined) await this.#storeSelected([place.primary], place.selection, directions(variants))
      else await this.#addDirections(place.primary, variants.generation, (known) => directions(withList(known, list)))
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
export function isUnderWay ({ underWay, vacancy }: Miss): boolean {
  return vacancy?.lease === undefined && (underWay !== undefined || vacancy?.watch !== undefined)
}

/** Twice as long as what is found there, so that it need not be touched each time. */
const lifeOfDirections = ({ ttl, keepFor }: Made) => Math.max(1, 2 * (ttl + keepFor))
