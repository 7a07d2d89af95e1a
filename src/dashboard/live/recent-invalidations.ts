import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type CacheAdapter, CACHE_CHANNEL, type CacheEvent } from '../../cache/index.ts'

export interface Invalidation {
  /** Milliseconds since 1970. */
  readonly at: number
  /** `change`: a read found that a tag has changed, e.g. because another process wrote to the database. */
  readonly cause: 'delete' | 'tags' | 'clear' | 'change'
  /** The first keys or tags. */
  readonly names: readonly string[]
  /** How many there were. */
  readonly total: number
  /** For `change`: the key of the entry that was read. */
  readonly key?: string
}

const MAX_INVALIDATIONS = 20
/** The number of names that are stored for each. */
const MAX_NAMES = 100

/** The last invalidations of a cache: by this process, and changes by others, once a read has found them. */
export class RecentInvalidations {
  /** Newest first. */
  readonly list: Invalidation[] = []
  readonly #cache: CacheAdapter
  readonly #onAdd: () => void

  constructor (cache: CacheAdapter, onAdd: () => void) {
    this.#cache = cache
    this.#onAdd = onAdd
    subscribe(CACHE_CHANNEL, this.#onEvent)
  }

  close (): void {
    unsubscribe(CACHE_CHANNEL, this.#onEvent)
  }

  readonly #onEvent = (message: unknown): void => {
    const event = message as CacheEvent
    if (event.cache !== this.#cache) return
    if (event.type === 'delete') this.#add('delete', event.keys)
    else if (event.type === 'invalidate') this.#add('tags', event.tags)
    else if (event.type === 'clear') this.#add('clear', event.prefix === undefined ? [] : [event.prefix])
    else if (event.type === 'miss' && event.changedTag !== undefined) {
      // A change makes many entries invalid. It is listed at the first that is found, unless this process made it.
      if (!this.#isListed(event.changedTag, event.entry!.storedAt)) this.#add('change', [event.changedTag], event.key)
    }
  }

  #isListed (tag: string, since: number): boolean {
    return this.list.some(({ at, cause, names }) =>
      at >= since && (cause === 'tags' || cause === 'change') && names.includes(tag))
  }

  #add (cause: Invalidation['cause'], names: readonly string[], key?: string): void {
    const first = names.slice(0, MAX_NAMES)
    const at = this.#cache.now()
    this.list.unshift({ at, cause, names: first, total: names.length, ...key !== undefined && { key } })
    if (this.list.length > MAX_INVALIDATIONS) this.list.pop()
    this.#onAdd()
  }
}
