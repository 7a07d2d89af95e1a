import { AdapterMembers, type CacheAdapter } from './adapter.ts'
import {
  boundStaleness, NO_TAGS, resolveFilter, type ResolvedGetOrSetOptions, type ResolvedSetOptions, resolveGetOrSetOptions,
  resolveSetOptions
} from './call-options.ts'
import { decodeValue } from './entry/codec.ts'
import { type Entry, expiresAt, hasLifetime } from './entry/entry.ts'
import { decodeSharedValue } from './entry/value.ts'
import { cacheChannel } from './events.ts'
import { decodeEntry, decodableEntry } from './load/entry-store.ts'
import { isFromFuture } from './load/staleness.ts'
import type { EntryFilter } from './stores/store.ts'
import {
  type CacheOptions, type GetOrSetOptions, isMiss, type LoadFunction, type LoadOptions, type LoadResult, type Lookup,
  type Miss, type SetOptions
} from './types.ts'
import type { Duration } from './util/duration.ts'
import { type MaybePromise, orElse } from './util/maybe-promise.ts'
import { startTimer } from './util/timer.ts'
import { checkFunction, checkKey, checkKeys, checkSafeInteger, checkSeconds, checkTags } from './util/validate.ts'
import { findMeasurable } from './versions/measurable.ts'
import { currentReads, ignoreReads } from './versions/read-set.ts'
import type { Stamp } from './versions/versions.ts'

/** Creates a cache over a store. Throws a TypeError for unknown options and wrong values. */
export function createCache (options: CacheOptions): CacheAdapter {
  return new StoreCache({ ...options })
}

class StoreCache extends AdapterMembers implements CacheAdapter {
  // Reading

  async get<T> (key: string): Promise<T | undefined> {
    checkKey(key)
    this.#stampReads()
    const startedAt = startTimer(cacheChannel)
    const found = this.#decode(key, await this.entries.find(key), startedAt)
    return isMiss(found) ? undefined : found.value as T
  }

  async getMany<T> (keys: readonly string[]): Promise<Map<string, T>> {
    checkKeys(keys)
    this.#stampReads()
    const startedAt = startTimer(cacheChannel)
    const found = await this.entries.findMany(keys)
    const values = new Map<string, T>()
    for (const [i, key] of keys.entries()) {
      const decoded = this.#decode(key, found[i]!, startedAt)
      if (!isMiss(decoded)) values.set(key, decoded.value as T)
    }
    return values
  }

  async ttl (key: string): Promise<number | null | undefined> {
    checkKey(key)
    const found = decodableEntry(await this.entries.find(key))
    if (isMiss(found)) return undefined
    return found.freshUntil === Infinity ? null : (found.freshUntil - this.entries.now()) / 1000
  }

  async getOrSet<T> (key: string, loader: LoadFunction<T>, given: GetOrSetOptions = {}): Promise<T> {
    checkKey(key)
    checkFunction('loader', loader)
    const options = resolveGetOrSetOptions(given)
    this.#stampReads()
    const startedAt = startTimer(cacheChannel)
    const entry = await this.entries.find(key, boundStaleness(options.maxStaleness))
    const found = this.#decode(key, entry, startedAt, options.shared)
    if (!isMiss(found)) {
      if (options.refreshAhead && !isMiss(entry) && this.shouldRefreshEarly(key, entry)) {
        this.#refresh(key, loader, options, { miss: 'expired', seen: entry })
      }
      return found.value as T
    }
    const stale = this.#serveStale(key, loader, options, found)
    if (stale !== undefined) return stale.value as T
    const result = await this.load(key, loader, options, found)
    return (result.collapsed ? copyResult(result, options.shared) : result.value) as T
  }

  /** Returns the stale value that is to be served at once, and refreshes it in the background if that is due. */
  #serveStale (
    key: string, loader: LoadFunction<unknown>, options: ResolvedGetOrSetOptions, found: Miss
  ): { value: unknown } | undefined {
    const hit = this.findStale(found, options)
    if (hit === undefined) return undefined
    const decoded = decodeEntry(hit.entry, options.shared)
    if (isMiss(decoded)) return undefined
    const { stale: _, ...miss } = found // a background load that fails serves nothing in its place
    if (hit.refresh && !this.isLoading(key)) this.#refresh(key, loader, options, miss)
    this.entries.recordDependencies(currentReads(), hit.entry)
    this.reportStale(key, hit.entry)
    return decoded
  }

  /** Loads in the background. Its result makes no difference to the value that was returned. */
  #refresh (key: string, loader: LoadFunction<unknown>, options: LoadOptions, miss: Miss): void {
    const load = ignoreReads(() => this.load(key, loader, options, miss))
    load.catch((error) => this.entries.reportError('refresh', error))
  }

  /** Decodes the value of a lookup, and reports a hit or a miss. */
  #decode (key: string, found: Lookup, startedAt: number, shared?: boolean): { value: unknown } | Miss {
    const decoded = isMiss(found) ? found : decodeEntry(found, shared)
    if (!isMiss(found)) this.entries.recordDependencies(currentReads(), found)
    this.report(key, found, decoded, startedAt)
    return decoded
  }

  /** Stamps the load that reads from this cache, if any, before it reads. */
  #stampReads (): void {
    const reads = currentReads()
    if (reads !== undefined) this.beginTracking(reads)
  }

  // Writing

  async set (key: string, value: unknown, options: SetOptions = {}): Promise<void> {
    await this.#store([[key, value]], resolveSetOptions('set', options, this.defaultTtl))
  }

  async setMany (pairs: Iterable<readonly [string, unknown]>, options: SetOptions = {}): Promise<void> {
    await this.#store(pairs, resolveSetOptions('setMany', options, this.defaultTtl))
  }

  async #store (pairs: Iterable<readonly [string, unknown]>, { ttl, tags }: ResolvedSetOptions): Promise<void> {
    const entries = [...pairs].map(([key, value]) => {
      checkKey(key)
      return [key, this.entries.createEntry(value, ttl, tags, undefined)] as const
    })
    const stamp = await this.#stampFor(tags)
    await Promise.all(entries.map(async ([key, entry]) => {
      this.loader.inFlight.revoke(key)
      if (hasLifetime(ttl) && stamp !== undefined) await this.entries.write(key, { ...entry, stamp })
      else await this.entries.remove([key])
    }))
  }

  async add (key: string, value: unknown, options: SetOptions = {}): Promise<boolean> {
    checkKey(key)
    const { ttl, tags } = resolveSetOptions('add', options, this.defaultTtl)
    const entry = this.entries.createEntry(value, ttl, tags, undefined)
    try {
      const stamp = await this.#stampFor(tags)
      const stored = await this.entries.store.get(key)
      const found = decodableEntry(await this.entries.check(stored))
      if (stamp === undefined || !isMiss(found) || found.miss === 'unavailable') return false
      if (!hasLifetime(ttl)) return true
      this.loader.inFlight.revoke(key)
      const added = await this.entries.store.add(key, { ...entry, stamp }, stored)
      if (added) this.entries.emit({ type: 'set', key })
      return added
    } catch (error) {
      this.entries.reportError('add', error)
      return false
    }
  }

  async touch (key: string, duration: Duration | null = this.defaultTtl): Promise<boolean> {
    checkKey(key)
    const ttl = checkSeconds('ttl', duration)
    const found = decodableEntry(await this.entries.find(key))
    if (isMiss(found)) return false
    if (!hasLifetime(ttl)) return await this.delete(key)
    const staleMs = found.staleUntil === found.freshUntil ? 0 : found.staleUntil - found.freshUntil
    const freshUntil = expiresAt(ttl, this.entries.now())
    return await orElse(() => this.entries.store.touch(key, freshUntil, freshUntil + staleMs), (error) => {
      this.entries.reportError('touch', error)
      return false
    })
  }

  async increment (key: string, by: number = 1): Promise<number> {
    checkKey(key)
    by = checkSafeInteger('by', by) + 0 // -0 cannot be written as an integer
    const stored = await this.entries.store.get(key)
    const replace = stored === undefined || await this.#isCounter(stored) ? undefined : stored
    this.loader.inFlight.revoke(key)
    const initial = this.entries.createEntry(by, this.defaultTtl, NO_TAGS, '')
    return await this.entries.store.increment(key, by, initial, replace)
  }

  // Deleting

  async delete (key: string): Promise<boolean> {
    return await this.deleteMany([key]) > 0
  }

  async deleteMany (keys: readonly string[]): Promise<number> {
    checkKeys(keys)
    for (const key of keys) this.loader.inFlight.revoke(key)
    this.entries.emit({ type: 'delete', keys })
    if (keys.length === 0) return 0
    try {
      return await this.entries.store.delete(keys)
    } catch (error) {
      this.entries.reportError('delete', error)
      throw error
    }
  }

  async invalidateTags (tags: readonly string[]): Promise<void> {
    checkTags(tags)
    if (tags.length === 0) return
    this.entries.emit({ type: 'invalidate', tags })
    await findMeasurable(this.entries.versions).invalidate(tags)
  }

  async clear (): Promise<void> {
    await this.deleteMatching()
  }

  async deleteMatching (filter: EntryFilter = {}): Promise<number> {
    const resolved = resolveFilter(filter)
    const { prefix, prefixes = [prefix], tags } = resolved
    if (tags?.length === 0 || prefixes.length === 0) return 0
    if (tags !== undefined) await this.invalidateTags(tags)
    else {
      for (const prefix of prefixes) {
        this.loader.inFlight.revokeAll(prefix)
        this.entries.emit({ type: 'clear', ...prefix !== '' && { prefix } })
      }
    }
    return await this.entries.store.clear(resolved)
  }

  async close (): Promise<void> {
    await this.entries.store.close()
  }

  // Helpers

  /** Whether to count on from a stored entry: a store does not know if it is invalidated or corrupt. */
  async #isCounter (stored: Entry): Promise<boolean> {
    if (isMiss(decodeEntry(stored)) || isFromFuture(stored, this.entries.now())) return false
    return stored.tags.length === 0 || await this.entries.versions.firstChanged(stored.stamp, stored.tags) === undefined
  }

  /** Returns '' if there is nothing to check; undefined if no clock answers, so that no entry could be checked. */
  #stampFor (tags: readonly string[]): MaybePromise<Stamp | undefined> {
    return tags.length === 0 ? '' : this.entries.stamp(tags)
  }
}

/** Copies the value of a load that another caller began, if it can be copied. Otherwise all callers share it. */
function copyResult ({ value, entry, payload = entry?.payload }: LoadResult, shared = false): unknown {
  if (shared && entry !== undefined) return decodeSharedValue(entry).value
  return payload === undefined ? value : decodeValue(payload)
}
