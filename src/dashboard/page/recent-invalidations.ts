import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type Cache, CACHE_CHANNEL, type CacheEvent, type Entry } from '../../cache/index.ts'

export interface Invalidation {
  /** ISO 8601. */
  at: string
  /** `change`: a tag was found moved, by whoever changed what it stands for. */
  cause: 'delete' | 'tags' | 'clear' | 'change'
  /** The keys or tags, the first few of many. */
  what: string
  /** Where it was found out: the key of an entry that could not be used any more. */
  noticedAt?: string
}

/** How many are remembered, and how many keys of each are shown. */
const KEPT = 20
const SHOWN_KEYS = 5
/** Characters of a key or tag that are shown. */
const SHOWN_LENGTH = 80
/** Tags whose last move is remembered, so that it is told once. */
const MAX_TAGS = 1_000
/** So many entries a second are asked for the tags that moved: a change of much makes as many misses. */
const MAX_LOOKS = 20

/** The last invalidations of a cache with their causes: what this process did, and what it finds that others did. */
export class RecentInvalidations {
  /** Newest first. */
  readonly last: Invalidation[] = []
  readonly #cache: Cache
  readonly #now: () => number
  readonly #onChange: () => void
  /** The version of each tag that was found moved. */
  readonly #told = new Map<string, string>()
  /** When a tag was last moved here, in milliseconds since 1970. */
  readonly #own = new Map<string, number>()
  #looks = 0
  #second = 0

  /** @param onChange told of each */
  constructor (cache: Cache, now: () => number, onChange: () => void) {
    this.#cache = cache
    this.#now = now
    this.#onChange = onChange
    subscribe(CACHE_CHANNEL, this.#onEvent)
  }

  close (): void {
    unsubscribe(CACHE_CHANNEL, this.#onEvent)
  }

  #add (cause: Invalidation['cause'], keys: readonly string[], noticedAt?: string): void {
    const more = keys.length > SHOWN_KEYS ? ` and ${keys.length - SHOWN_KEYS} more` : ''
    const what = keys.slice(0, SHOWN_KEYS).map(shortened).join(', ') + more
    this.last.unshift({ at: new Date(this.#now()).toISOString(), cause, what, ...noticedAt !== undefined && { noticedAt: shortened(noticedAt) } })
    if (this.last.length > KEPT) this.last.pop()
    this.#onChange()
  }

  readonly #onEvent = (message: unknown): void => {
    const event = message as CacheEvent
    if (event.cache !== this.#cache) return
    switch (event.type) {
      case 'delete': return this.#add('delete', event.keys)
      case 'invalidate':
        for (const tag of event.tags) remember(this.#own, tag, this.#now())
        return this.#add('tags', event.tags)
      case 'clear': return this.#add('clear', [event.prefix === undefined ? 'everything' : `${event.prefix}…`])
      case 'miss':
        if (event.reason === 'invalidated' && this.#mayLook()) this.#look(event.key, event.entry!).catch(() => {}) // told as an event of its own
    }
  }

  #mayLook (): boolean {
    const second = Math.floor(this.#now() / 1000)
    if (second !== this.#second) this.#looks = 0
    this.#second = second
    return this.#looks++ < MAX_LOOKS
  }

  /** Finds out which tags of an entry moved, and tells of those moves that nobody has told. */
  async #look (key: string, entry: Entry): Promise<void> {
    const news: string[] = []
    for (const { tag, changed, version = entry.stamp } of await this.#cache.tagStates(entry)) {
      if (!changed || this.#told.get(tag) === version) continue
      remember(this.#told, tag, version)
      // What was kept since then was moved by another.
      if (entry.storedAt > (this.#own.get(tag) ?? -Infinity)) news.push(tag)
    }
    if (news.length > 0) this.#add('change', news, key)
  }
}

function remember<T> (tags: Map<string, T>, tag: string, what: T): void {
  if (tags.size >= MAX_TAGS) tags.clear()
  tags.set(tag, what)
}

function shortened (text: string): string {
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text
}
