import { type Entries, hasLife, MISSES, valueOf } from './entries.ts'
import type { Entry } from './entry.ts'
import { Flights } from './flights.ts'
import { andThen, type MaybePromise } from './maybe-promise.ts'
import { checkTags, seconds } from './options.ts'
import { collectReads, currentReads, ReadSet } from './read-set.ts'
import {
  type Flight, isMiss, type Load, type LoadContext, type Loaded, type LoadOptions, LoadTimeoutError, type Lookup, type Miss
} from './types.ts'

/** A longer timer of Node ends at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Loads what is missing: one load for all who miss together, kept unless it may be stale by then. */
export class Loader {
  readonly #entries: Entries
  readonly #ttl: number | null
  readonly #flights = new Flights()

  /** @param ttl seconds that a value is kept where a call does not say; null: for ever */
  constructor (entries: Entries, ttl: number | null) {
    this.#entries = entries
    this.#ttl = ttl
  }

  /** As `Entries.find`, and remembers the load that is under way: by the time that the store has answered it may be over. */
  find (key: string): MaybePromise<Lookup> {
    const underWay = this.#flights.get(key)
    const found = this.#entries.find(key)
    return underWay === undefined ? found : andThen(found, (found) => isMiss(found) ? { ...found, underWay } : found)
  }

  /** What follows a miss: joins a load under way that has seen enough, or begins one. */
  async load (key: string, load: Load<unknown>, options: LoadOptions = {}, miss: Miss = MISSES.absent): Promise<Loaded> {
    const underWay = this.#flights.get(key) ?? miss.underWay
    let flight = underWay && await this.#joinable(underWay)
    if (flight === undefined) {
      // One may have begun while the clock was asked, inside a transaction or outside of this caller's.
      const newer = this.#flights.get(key)
      if (newer !== undefined && newer !== underWay) flight = await this.#joinable(newer)
    }
    const joined = flight !== undefined
    flight ??= this.#begin(key, load, options)
    const { reads } = flight
    // An answer made of this one, or of its failure, is made of the same reads.
    return await this.#land(flight, joined, key, options, miss).finally(() => currentReads()?.include(reads))
  }

  /** What a load brings, or what stands in for it. */
  async #land (flight: Flight, joined: boolean, key: string, options: LoadOptions, miss: Miss): Promise<Loaded> {
    try {
      const loaded = await within(options.timeout, key, flight.result)
      return joined ? { ...loaded, joined: true } : loaded
    } catch (error) {
      if (!this.standsIn(miss.stale, options.staleIfError)) throw error
      const old = valueOf(miss.stale)
      if (isMiss(old)) throw error
      this.#entries.failed('load', error)
      this.#entries.tell({ type: 'stale', key })
      this.#entries.noteTags(currentReads(), miss.stale)
      return { value: old.value, entry: miss.stale, stored: false, stale: true }
    }
  }

  #begin (key: string, load: Load<unknown>, options: LoadOptions): Flight {
    const reads = options.reads ?? new ReadSet()
    const stamp = this.#entries.begin(reads, options.tags)
    return this.#flights.start(key, stamp, reads, (flight) => this.#fly(flight, key, load, options))
  }

  /** The load, if it began at the clock of now: then it has seen every write that a caller could know of. */
  #joinable (flight: Flight): MaybePromise<Flight | undefined> {
    if (flight.revoked) return undefined
    return andThen(this.#entries.stamp(), (mine) => andThen(flight.stamp, (theirs) => mine === theirs && !flight.revoked ? flight : undefined))
  }

  async #fly (flight: Flight, key: string, load: Load<unknown>, options: LoadOptions): Promise<Loaded> {
    const stamp = await flight.stamp
    let ttl = options.ttl === undefined ? this.#ttl : options.ttl
    let skipped = false
    const addTags = (tags: readonly string[]) => flight.reads.add(this.#entries.versions, tags)
    addTags(options.tags ?? [])
    const context: LoadContext = {
      key,
      addTags: (...tags) => { checkTags(tags); addTags(tags) },
      setTtl (value) { ttl = seconds('ttl', value) },
      skipStore () { skipped = true }
    }

    const began = this.#entries.now()
    // Awaited inside: a query builder runs when it is awaited.
    const value = await collectReads(flight.reads, async () => await load(context))
    this.#entries.tell({ type: 'load', key, ms: this.#entries.now() - began })

    if (skipped || value === undefined || !hasLife(ttl)) return { value, stored: false }
    const { refusal } = flight.reads
    if (refusal !== undefined) return { value, stored: false, refusal }
    const window = Math.max(options.staleWhileRevalidate ?? 0, options.staleIfError ?? 0)
    let entry: Entry
    try {
      entry = this.#entries.make(value, ttl, this.#entries.tagsOf(flight.reads), stamp, window)
    } catch (error) {
      this.#entries.failed('encode', error)
      return { value, stored: false }
    }
    return { value, entry, ...await this.#fill(flight, key, entry) }
  }

  /** Keeps what a load brought, unless something that it may not have seen was written meanwhile. */
  async #fill (flight: Flight, key: string, entry: Entry): Promise<Pick<Loaded, 'stored' | 'refusal'>> {
    const unseen = entry.tags.length > 0 && await this.#entries.isCurrent(entry.stamp, entry.tags) !== true
    if (unseen) return { stored: false, refusal: 'outdated' }
    if (flight.revoked) return { stored: false, refusal: 'revoked' }
    this.#flights.overtake(flight)
    return { stored: await this.#entries.write(key, entry) }
  }

  /** Whether an old entry may still stand in. @param window seconds after its life */
  standsIn (stale: Entry | undefined, window: number | undefined): stale is Entry {
    return stale !== undefined && window !== undefined && this.#entries.now() < stale.freshUntil + window * 1000
  }

  /** Keeps the loads under way from storing what the caller is about to replace or delete, and from being joined. */
  revoke (key: string): void {
    this.#flights.revoke(key)
  }

  revokeAll (): void {
    this.#flights.revokeAll()
  }
}

async function within<T> (timeout: number | undefined, key: string, work: Promise<T>): Promise<T> {
  if (timeout === undefined) return await work
  const deadline = Promise.withResolvers<never>()
  const timer = setTimeout(() => deadline.reject(new LoadTimeoutError(key, timeout)), Math.min(timeout * 1000, LONGEST_TIMER_MS))
  try {
    return await Promise.race([work, deadline.promise])
  } finally {
    clearTimeout(timer)
  }
}
