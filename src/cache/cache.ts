import { decodeValue, encodeValue } from './codec.ts'
import type { Entry } from './entry.ts'
import { emit, type MissReason } from './events.ts'
import { type Flight, Flights } from './flights.ts'
import { andThen, type MaybePromise, orElse } from './maybe-promise.ts'
import {
  checkFunction, checkKey, checkKeys, checkObject, checkOptions, checkTags, duration, safeInteger, seconds
} from './options.ts'
import type { Store } from './store.ts'
import {
  type Cache, type CacheOptions, type GetOrSetOptions, isMiss, type Load, type LoadContext, type Loaded,
  LoadTimeoutError, type Lookup, type Miss, type SetOptions
} from './types.ts'
import type { Stamp, Versions } from './versions.ts'

export function createCache (options: CacheOptions): Cache {
  return new StoreCache(options)
}

const MISSES = {
  absent: { miss: 'absent' },
  expired: { miss: 'expired' },
  invalidated: { miss: 'invalidated' },
  corrupt: { miss: 'corrupt' },
  unavailable: { miss: 'unavailable' }
} as const satisfies Record<MissReason, Miss>

const NO_TAGS: readonly string[] = []

/** A longer timer of Node ends at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

class StoreCache implements Cache {
  readonly #store: Store
  readonly #versions: Versions
  readonly #ttl: number | null
  readonly #now: () => number
  readonly #flights = new Flights()

  constructor ({ store, versions, ttl = 300, now = Date.now }: CacheOptions) {
    checkObject('store', store, 'get', 'a store, e.g. memoryStore()')
    this.#store = store
    this.#versions = versions ?? store.versions
    checkObject('versions', this.#versions, 'stamp', 'a version clock, e.g. memoryVersions()')
    checkFunction('now', now)
    this.#ttl = seconds('ttl', ttl)
    this.#now = now
  }

  get storeName (): string {
    return this.#store.name
  }

  stats () {
    return this.#store.stats?.()
  }

  // Reading

  lookup (key: string): MaybePromise<Lookup> {
    return andThen(this.#find(key), (found) => {
      this.#report(key, found)
      return found
    })
  }

  async get<T> (key: string): Promise<T | undefined> {
    checkKey(key)
    const found = this.#open(key, await this.#find(key))
    return isMiss(found) ? undefined : found.value as T
  }

  async getMany<T> (keys: readonly string[]): Promise<Map<string, T>> {
    checkKeys(keys)
    const entries = await orElse(() => this.#store.getMany(keys), (error) => {
      this.#failed('getMany', error)
      return undefined
    })
    const values = new Map<string, T>()
    await Promise.all(keys.map(async (key, i) => {
      const found = this.#open(key, entries === undefined ? MISSES.unavailable : await this.#verify(entries[i]))
      if (!isMiss(found)) values.set(key, found.value as T)
    }))
    return new Map(keys.filter((key) => values.has(key)).map((key) => [key, values.get(key) as T]))
  }

  async ttl (key: string): Promise<number | null | undefined> {
    checkKey(key)
    const found = readable(await this.#find(key))
    if (isMiss(found)) return undefined
    return found.freshUntil === Infinity ? null : (found.freshUntil - this.#now()) / 1000
  }

  /** Asks the store, and the clock about what the store says. */
  #find (key: string): MaybePromise<Lookup> {
    // By the time that the store has answered, a load under way now may be over.
    const underWay = this.#flights.get(key)
    const entry = orElse(() => this.#store.get(key), (error) => {
      this.#failed('get', error)
      return null
    })
    const found = andThen(entry, (entry) => entry === null ? MISSES.unavailable : this.#verify(entry))
    return underWay === undefined ? found : andThen(found, (found) => isMiss(found) ? { ...found, underWay } : found)
  }

  #verify (entry: Entry | undefined): MaybePromise<Lookup> {
    if (entry === undefined) return MISSES.absent
    const now = this.#now()
    if (now >= entry.staleUntil) return MISSES.expired
    const valid: Lookup = now < entry.freshUntil ? entry : { miss: 'expired', stale: entry }
    if (entry.tags.length === 0) return valid
    return andThen(this.#isCurrent(entry.stamp, entry.tags), (current) => {
      if (current === undefined) return MISSES.unavailable
      return current ? valid : MISSES.invalidated
    })
  }

  /** The value of what was found; a value that cannot be read is a miss. */
  #open (key: string, found: Lookup): { value: unknown } | Miss {
    const opened = isMiss(found) ? found : valueOf(found)
    this.#report(key, opened)
    return opened
  }

  #report (key: string, found: object): void {
    emit(this, isMiss(found) ? { type: 'miss', key, reason: found.miss } : { type: 'hit', key })
  }

  // Reading through

  async getOrSet<T> (key: string, load: Load<T>, options: GetOrSetOptions = {}): Promise<T> {
    checkKey(key)
    checkFunction('load', load)
    options = checkGetOrSet(options)
    const found = this.#open(key, await this.#find(key))
    if (!isMiss(found)) return found.value as T

    if (this.#standsIn(found.stale, options.staleWhileRevalidate)) {
      const old = valueOf(found.stale)
      if (!isMiss(old)) {
        // Whoever waits for a load under way shares it, so this begins no more than one.
        const { stale, ...miss } = found
        this.load(key, load, options, miss).catch((error) => this.#failed('refresh', error))
        emit(this, { type: 'stale', key })
        return old.value as T
      }
    }

    const loaded = await this.load(key, load, options, found)
    return (loaded.joined ? copyOf(loaded) : loaded.value) as T
  }

  async load (key: string, load: Load<unknown>, options: GetOrSetOptions = {}, miss: Miss = MISSES.absent): Promise<Loaded> {
    let flight = this.#flights.get(key) ?? miss.underWay
    if (flight !== undefined) {
      const joinable = this.#sameClock(flight)
      if (!(joinable instanceof Promise ? await joinable : joinable)) {
        // One that began in the meantime began after this caller came, and has seen all that it must.
        const newer = this.#flights.get(key)
        flight = newer === flight ? undefined : newer
      }
    }
    const joined = flight !== undefined
    flight ??= this.#flights.start(key, this.#stamp(options.tags), (flight) => this.#fly(flight, key, load, options))
    try {
      const loaded = await within(options.timeout, key, flight.result)
      return joined ? { ...loaded, joined: true } : loaded
    } catch (error) {
      if (!this.#standsIn(miss.stale, options.staleIfError)) throw error
      const old = valueOf(miss.stale)
      if (isMiss(old)) throw error
      this.#failed('load', error)
      emit(this, { type: 'stale', key })
      return { value: old.value, entry: miss.stale, stored: false, stale: true }
    }
  }

  /** Whether a load began at the clock of now: then it has seen every write that a caller could know of. */
  #sameClock (flight: Flight): MaybePromise<boolean> {
    if (flight.revoked) return false
    return andThen(this.#stamp(), (mine) => andThen(flight.stamp, (theirs) => mine === theirs && !flight.revoked))
  }

  async #fly (flight: Flight, key: string, load: Load<unknown>, options: GetOrSetOptions): Promise<Loaded> {
    const stamp = await flight.stamp
    const tags = new Set(options.tags)
    let ttl = options.ttl === undefined ? this.#ttl : options.ttl
    let skipped = false
    const context: LoadContext = {
      key,
      addTags (...more) { checkTags(more); for (const tag of more) tags.add(tag) },
      setTtl (value) { ttl = seconds('ttl', value) },
      skipStore () { skipped = true }
    }

    const began = this.#now()
    const value = await load(context)
    emit(this, { type: 'load', key, ms: this.#now() - began })

    if (skipped || value === undefined || !hasLife(ttl)) return { value, stored: false }
    const window = Math.max(options.staleWhileRevalidate ?? 0, options.staleIfError ?? 0)
    let entry: Entry
    try {
      entry = this.#entry(value, ttl, [...tags], stamp, window)
    } catch (error) {
      this.#failed('encode', error)
      return { value, stored: false }
    }
    return { value, entry, stored: await this.#fill(flight, key, entry) }
  }

  /** Keeps what a load brought, unless something that it may not have seen was written meanwhile. */
  async #fill (flight: Flight, key: string, entry: Entry): Promise<boolean> {
    const unseen = entry.tags.length > 0 && await this.#isCurrent(entry.stamp, entry.tags) !== true
    if (unseen || flight.revoked) return false
    this.#flights.overtake(flight)
    return await this.#write(key, entry)
  }

  #standsIn (stale: Entry | undefined, window: number | undefined): stale is Entry {
    return stale !== undefined && window !== undefined && this.#now() < stale.freshUntil + window * 1000
  }

  // Writing

  async set (key: string, value: unknown, options: SetOptions = {}): Promise<void> {
    await this.setMany([[key, value]], options)
  }

  async setMany (pairs: Iterable<readonly [string, unknown]>, options: SetOptions = {}): Promise<void> {
    const { ttl, tags } = this.#checkSet(options)
    const entries = [...pairs].map(([key, value]) => {
      checkKey(key)
      return [key, this.#entry(value, ttl, tags, undefined)] as const
    })
    const stamp = await this.#stampFor(tags)
    await Promise.all(entries.map(async ([key, entry]) => {
      this.#flights.revoke(key)
      if (hasLife(ttl) && stamp !== undefined) await this.#write(key, { ...entry, stamp })
      else await this.#remove([key])
    }))
  }

  async add (key: string, value: unknown, options: SetOptions = {}): Promise<boolean> {
    checkKey(key)
    const { ttl, tags } = this.#checkSet(options)
    const entry = this.#entry(value, ttl, tags, undefined)
    try {
      const stamp = await this.#stampFor(tags)
      const kept = await this.#store.get(key)
      const found = readable(await this.#verify(kept))
      if (stamp === undefined || !isMiss(found) || found.miss === 'unavailable') return false
      if (!hasLife(ttl)) return true
      this.#flights.revoke(key)
      const added = await this.#store.add(key, { ...entry, stamp }, kept)
      if (added) emit(this, { type: 'set', key })
      return added
    } catch (error) {
      this.#failed('add', error)
      return false
    }
  }

  async touch (key: string, ttl: number | null = this.#ttl): Promise<boolean> {
    checkKey(key)
    seconds('ttl', ttl)
    const found = readable(await this.#find(key))
    if (isMiss(found)) return false
    if (!hasLife(ttl)) return await this.delete(key)
    const window = found.staleUntil === found.freshUntil ? 0 : found.staleUntil - found.freshUntil
    const freshUntil = until(ttl, this.#now())
    return await orElse(() => this.#store.touch(key, freshUntil, freshUntil + window), (error) => {
      this.#failed('touch', error)
      return false
    })
  }

  async increment (key: string, by: number = 1): Promise<number> {
    checkKey(key)
    by = safeInteger('by', by) + 0 // -0 is not written as an integer
    const kept = await this.#store.get(key)
    const replace = kept === undefined || await this.#countsOn(kept) ? undefined : kept
    this.#flights.revoke(key)
    return await this.#store.increment(key, by, this.#entry(by, this.#ttl, NO_TAGS, ''), replace)
  }

  async delete (key: string): Promise<boolean> {
    return await this.deleteMany([key]) > 0
  }

  async deleteMany (keys: readonly string[]): Promise<number> {
    checkKeys(keys)
    for (const key of keys) this.#flights.revoke(key)
    emit(this, { type: 'delete', keys })
    return keys.length === 0 ? 0 : await this.#store.delete(keys)
  }

  async invalidateTags (tags: readonly string[]): Promise<void> {
    checkTags(tags)
    if (tags.length === 0) return
    emit(this, { type: 'invalidate', tags })
    await this.#versions.invalidate(tags)
  }

  async clear (): Promise<void> {
    this.#flights.revokeAll()
    emit(this, { type: 'clear' })
    await this.#store.clear()
  }

  async close (): Promise<void> {
    await this.#store.close()
  }

  // Parts

  #checkSet (options: SetOptions): { ttl: number | null, tags: readonly string[] } {
    checkOptions(options)
    const { ttl, tags = NO_TAGS } = options
    checkTags(tags)
    // The caller may go on using the array of tags.
    return { ttl: ttl === undefined ? this.#ttl : seconds('ttl', ttl), tags: tags.length === 0 ? NO_TAGS : [...tags] }
  }

  #entry (value: unknown, ttl: number | null, tags: readonly string[], stamp: Stamp | undefined, window = 0): Entry {
    const storedAt = this.#now()
    const freshUntil = until(ttl, storedAt)
    return {
      payload: encodeValue(value),
      storedAt,
      freshUntil,
      staleUntil: freshUntil + window * 1000,
      tags,
      stamp: tags.length === 0 ? '' : stamp ?? ''
    }
  }

  async #write (key: string, entry: Entry): Promise<boolean> {
    try {
      const kept = await this.#store.set(key, entry)
      if (kept) emit(this, { type: 'set', key })
      return kept
    } catch (error) {
      this.#failed('set', error)
      return false
    }
  }

  async #remove (keys: readonly string[]): Promise<void> {
    await orElse(() => this.#store.delete(keys), (error) => this.#failed('delete', error))
  }

  #stamp (tags?: readonly string[]): MaybePromise<Stamp | undefined> {
    return orElse(() => this.#versions.stamp(tags), (error) => this.#failed('stamp', error))
  }

  /** What the store cannot tell of a counter: that it was invalidated, or cannot be read. */
  async #countsOn (kept: Entry): Promise<boolean> {
    if (isMiss(valueOf(kept))) return false
    return kept.tags.length === 0 || await this.#versions.isCurrent(kept.stamp, kept.tags)
  }

  /** Empty where there is nothing to check; undefined where no clock answers, so that it could never be verified. */
  #stampFor (tags: readonly string[]): MaybePromise<Stamp | undefined> {
    return tags.length === 0 ? '' : this.#stamp(tags)
  }

  #isCurrent (stamp: Stamp, tags: readonly string[]): MaybePromise<boolean | undefined> {
    return orElse(() => this.#versions.isCurrent(stamp, tags), (error) => this.#failed('isCurrent', error))
  }

  /** Tells of what failed without failing the caller. */
  #failed (doing: string, error: unknown): undefined {
    emit(this, { type: 'error', doing, error })
  }
}

function checkGetOrSet (options: GetOrSetOptions): GetOrSetOptions {
  checkOptions(options)
  if (options.ttl !== undefined) seconds('ttl', options.ttl)
  if (options.tags !== undefined) checkTags(options.tags)
  for (const name of ['staleWhileRevalidate', 'staleIfError', 'timeout'] as const) {
    if (options[name] !== undefined) duration(name, options[name])
  }
  // The caller may go on using the array of tags.
  return options.tags === undefined ? options : { ...options, tags: [...options.tags] }
}

function valueOf (entry: Entry): { value: unknown } | Miss {
  try {
    return { value: decodeValue(entry.payload) }
  } catch {
    return MISSES.corrupt
  }
}

/** What was found, where its value can be read. */
function readable (found: Lookup): Lookup {
  if (isMiss(found)) return found
  const opened = valueOf(found)
  return isMiss(opened) ? opened : found
}

/** The value of a load that somebody else began: a copy, wherever it can be copied. */
function copyOf ({ value, entry }: Loaded): unknown {
  try {
    return decodeValue(entry?.payload ?? encodeValue(value))
  } catch {
    return value
  }
}

function hasLife (ttl: number | null): boolean {
  return ttl === null || ttl > 0
}

function until (ttl: number | null, now: number): number {
  return ttl === null ? Infinity : now + ttl * 1000
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
