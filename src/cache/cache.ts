import type { CacheAdapter } from './adapter.ts'
import { cacheFunction } from './cached-function.ts'
import {
  NO_TAGS, resolveFilter, resolveGetOrSetOptions, type ResolvedSetOptions, resolveSetOptions
} from './call-options.ts'
import { encodeValue } from './entry/codec.ts'
import { type Entry, expiresAt, hasLifetime } from './entry/entry.ts'
import { isMiss } from './entry/lookup.ts'
import { decodableEntry, decodeEntry } from './entry/value.ts'
import { OptionError } from './errors.ts'
import { isFromFuture } from './load/staleness.ts'
import { resolveLockOptions, runLocked } from './lock.ts'
import { ReadingVerbs } from './reading.ts'
import type { EntryFilter } from './stores/store.ts'
import { createNamespace } from './namespace.ts'
import type { CachedOptions, CacheOptions, GetOrSetOptions, LockOptions, SetOptions } from './options.ts'
import type { CachedFunction, LoadFunction, Lock, Namespace } from './types.ts'
import type { Duration } from './util/duration.ts'
import { type MaybePromise, orElse } from './util/maybe-promise.ts'
import { checkFunction, checkKey, checkKeys, checkSafeInteger, checkSeconds, checkTags } from './util/validate.ts'
import { findMeasurable } from './versions/measurable.ts'
import type { Stamp } from './versions/versions.ts'

/** Creates a cache over a store. Throws a TypeError for unknown options and wrong values. */
export function createCache (options: CacheOptions): CacheAdapter {
  return new StoreCache({ ...options })
}

class StoreCache extends ReadingVerbs implements CacheAdapter {
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
      return [key, this.entryStore.createEntry(encodeValue(value), ttl, tags, undefined)] as const
    })
    const stamp = await this.#stampFor(tags)
    await Promise.all(entries.map(async ([key, entry]) => {
      this.loader.inFlight.revoke(key)
      if (hasLifetime(ttl) && stamp !== undefined) await this.entryStore.write(key, { ...entry, stamp })
      else await this.entryStore.remove([key])
    }))
  }

  async add (key: string, value: unknown, options: SetOptions = {}): Promise<boolean> {
    checkKey(key)
    const { ttl, tags } = resolveSetOptions('add', options, this.defaultTtl)
    const entry = this.entryStore.createEntry(encodeValue(value), ttl, tags, undefined)
    try {
      const stamp = await this.#stampFor(tags)
      const stored = await this.entryStore.store.get(key)
      const found = decodableEntry(await this.entryStore.check(stored))
      if (stamp === undefined || !isMiss(found) || found.miss === 'unavailable') return false
      if (!hasLifetime(ttl)) return true
      this.loader.inFlight.revoke(key)
      const added = await this.entryStore.store.add(key, { ...entry, stamp }, stored)
      if (added) this.entryStore.emit({ type: 'set', key })
      return added
    } catch (error) {
      this.entryStore.reportError('add', error)
      return false
    }
  }

  async touch (key: string, duration: Duration | null = this.defaultTtl): Promise<boolean> {
    checkKey(key)
    const ttl = checkSeconds('ttl', duration)
    const found = decodableEntry(await this.entryStore.find(key))
    if (isMiss(found)) return false
    if (!hasLifetime(ttl)) return await this.delete(key)
    const staleMs = found.staleUntil === found.freshUntil ? 0 : found.staleUntil - found.freshUntil
    const freshUntil = expiresAt(ttl, this.entryStore.now())
    return await orElse(() => this.entryStore.store.touch(key, freshUntil, freshUntil + staleMs), (error) => {
      this.entryStore.reportError('touch', error)
      return false
    })
  }

  async increment (key: string, by: number = 1): Promise<number> {
    checkKey(key)
    by = checkSafeInteger('by', by) + 0 // -0 cannot be written as an integer
    const stored = await this.entryStore.store.get(key)
    const replace = stored === undefined || await this.#isCounter(stored) ? undefined : stored
    this.loader.inFlight.revoke(key)
    const initial = this.entryStore.createEntry(encodeValue(by), this.defaultTtl, NO_TAGS, '')
    return await this.entryStore.store.increment(key, by, initial, replace)
  }

  async refresh<T> (key: string, loader: LoadFunction<T>, given: GetOrSetOptions = {}): Promise<T> {
    checkKey(key)
    checkFunction('loader', loader)
    const options = resolveGetOrSetOptions(given, 'refresh')
    // So that the load joins none that may have begun before what the caller knows. It continues without the store.
    await this.expire(key).catch((error) => this.entryStore.reportError('expire', error))
    return await this.loadValue(key, loader, options)
  }

  cached<F extends (...args: never[]) => unknown> (
    work: F, options: CachedOptions<Parameters<F>>
  ): CachedFunction<Parameters<F>, Awaited<ReturnType<F>>> {
    return cacheFunction<Parameters<F>, Awaited<ReturnType<F>>>(this, work as never, options)
  }

  // Deleting

  async expire (key: string): Promise<boolean> {
    checkKey(key)
    this.loader.inFlight.revoke(key)
    const found = decodableEntry(await this.entryStore.find(key))
    const entry = isMiss(found) ? found.stale : found
    // Without an entry, another process may still have a load in flight.
    if (entry === undefined) await this.delete(key)
    else await this.#endFreshness(key, entry)
    return entry !== undefined
  }

  async #endFreshness (key: string, { freshUntil, staleUntil }: Entry): Promise<void> {
    try {
      await this.entryStore.store.touch(key, Math.min(freshUntil, this.entryStore.now()), staleUntil)
    } catch (error) {
      this.entryStore.reportError('expire', error)
      await this.delete(key) // a store that is unavailable remembers deletions
    }
  }

  async delete (key: string): Promise<boolean> {
    return await this.deleteMany([key]) > 0
  }

  async deleteMany (keys: readonly string[]): Promise<number> {
    checkKeys(keys)
    for (const key of keys) this.loader.inFlight.revoke(key)
    this.entryStore.emit({ type: 'delete', keys })
    if (keys.length === 0) return 0
    try {
      return await this.entryStore.store.delete(keys)
    } catch (error) {
      this.entryStore.reportError('delete', error)
      throw error
    }
  }

  async invalidateTags (tags: readonly string[]): Promise<void> {
    checkTags(tags)
    if (tags.length === 0) return
    this.entryStore.emit({ type: 'invalidate', tags })
    await findMeasurable(this.entryStore.versions).invalidate(tags)
  }

  async expireTags (tags: readonly string[]): Promise<void> {
    checkTags(tags)
    if (tags.length === 0) return
    this.entryStore.emit({ type: 'invalidate', tags })
    const versions = findMeasurable(this.entryStore.versions)
    await (versions.expire === undefined ? versions.invalidate(tags) : versions.expire(tags))
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
        this.entryStore.emit({ type: 'clear', ...prefix !== '' && { prefix } })
      }
    }
    return await this.entryStore.store.clear(resolved)
  }

  async lock<T> (key: string, options: LockOptions, work: (lock: Lock) => T | Promise<T>): Promise<T> {
    checkKey(key)
    const resolved = resolveLockOptions(options)
    checkFunction('work', work)
    const { name, locks } = this.entryStore.store
    if (locks === undefined) throw new OptionError(`The store "${name}" has no locks.`)
    return await runLocked(locks, key, resolved, work, (error) => this.entryStore.reportError('unlock', error))
  }

  namespace (name: string): Namespace {
    return createNamespace(this, name)
  }

  async close (): Promise<void> {
    await this.entryStore.store.close()
  }

  // Helpers

  /** Whether to count on from a stored entry: a store does not know if it is invalidated or corrupt. */
  async #isCounter (stored: Entry): Promise<boolean> {
    if (isMiss(decodeEntry(stored)) || isFromFuture(stored, this.entryStore.now())) return false
    const { stamp, tags } = stored
    return tags.length === 0 || await this.entryStore.versions.firstChanged(stamp, tags) === undefined
  }

  /** Returns '' if there is nothing to check; undefined if no clock answers, so that no entry could be checked. */
  #stampFor (tags: readonly string[]): MaybePromise<Stamp | undefined> {
    return tags.length === 0 ? '' : this.entryStore.stamp(tags)
  }
}
