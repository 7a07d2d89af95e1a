import { AdapterMembers } from './adapter.ts'
import {
  boundStaleness, resolveEntriesOptions, type ResolvedGetOrSetOptions, resolveGetOrSetOptions
} from './call-options.ts'
import { decodeValue } from './entry/codec.ts'
import { isMiss, type Lookup, type Miss } from './entry/lookup.ts'
import { decodableEntry, decodeEntry, decodeSharedValue } from './entry/value.ts'
import { OptionError } from './errors.ts'
import { cacheChannel } from './events.ts'
import { loadMany } from './load/many.ts'
import type { LoadResult } from './load/result.ts'
import type { EntriesOptions, GetOrSetOptions, LoadOptions } from './options.ts'
import type { LoadFunction, LoadManyFunction } from './types.ts'
import { startTimer } from './util/timer.ts'
import { checkFunction, checkKey, checkKeys } from './util/validate.ts'
import { currentReads, ignoreReads } from './versions/read-set.ts'

/** The verbs that read and load values. @internal */
export class ReadingVerbs extends AdapterMembers {
  async get<T> (key: string): Promise<T | undefined> {
    checkKey(key)
    this.#stampReads()
    const startedAt = startTimer(cacheChannel)
    const found = this.#decode(key, await this.entryStore.find(key), startedAt)
    return isMiss(found) ? undefined : found.value as T
  }

  async getMany<T> (keys: readonly string[]): Promise<Map<string, T>> {
    checkKeys(keys)
    this.#stampReads()
    const startedAt = startTimer(cacheChannel)
    const found = await this.entryStore.findMany(keys)
    const values = new Map<string, T>()
    for (const [i, key] of keys.entries()) {
      const decoded = this.#decode(key, found[i]!, startedAt)
      if (!isMiss(decoded)) values.set(key, decoded.value as T)
    }
    return values
  }

  async ttl (key: string): Promise<number | null | undefined> {
    checkKey(key)
    const found = decodableEntry(await this.entryStore.find(key))
    if (isMiss(found)) return undefined
    return found.freshUntil === Infinity ? null : (found.freshUntil - this.entryStore.now()) / 1000
  }

  async getOrSet<T> (key: string, loader: LoadFunction<T>, given: GetOrSetOptions = {}): Promise<T> {
    checkKey(key)
    checkFunction('loader', loader)
    const options = resolveGetOrSetOptions(given)
    this.#stampReads()
    const startedAt = startTimer(cacheChannel)
    const lookup = await this.entryStore.find(key, boundStaleness(options.maxStaleness))
    const found = this.#findValue(key, lookup, options, startedAt)
    if (isMiss(found)) return await this.loadValue(key, loader, options, found)
    if (found.refresh !== undefined) this.#refresh(key, loader, options, found.refresh)
    return found.value as T
  }

  async getOrSetMany<T> (
    keys: readonly string[], loader: LoadManyFunction<T>, given: GetOrSetOptions = {}
  ): Promise<Map<string, T>> {
    checkKeys(keys)
    checkFunction('loader', loader)
    const options = resolveGetOrSetOptions(given, 'getOrSetMany')
    this.#stampReads()
    const startedAt = startTimer(cacheChannel)
    const unique = [...new Set(keys)]
    const lookups = await this.entryStore.findMany(unique, boundStaleness(options.maxStaleness))
    const [values, missing, due] = [new Map<string, unknown>(), new Map<string, Miss>(), new Map<string, Miss>()]
    for (const [i, key] of unique.entries()) {
      const found = this.#findValue(key, lookups[i]!, options, startedAt)
      if (isMiss(found)) missing.set(key, found)
      else values.set(key, found.value)
      if (!isMiss(found) && found.refresh !== undefined) due.set(key, found.refresh)
    }
    if (due.size > 0) this.#refreshMany(due, loader, options)
    if (missing.size === 0) return values as Map<string, T>
    for (const [key, load] of await loadMany(this.loader, missing, loader, options)) {
      if (load.status === 'rejected') throw load.reason
      values.set(key, readResult(load.value, options.shared))
    }
    // `undefined` means absent.
    return new Map(unique.filter((key) => values.get(key) !== undefined).map((key) => [key, values.get(key) as T]))
  }

  async * entries<T> (options: EntriesOptions = {}): AsyncGenerator<readonly [string, T]> {
    const prefix = resolveEntriesOptions(options)
    const { store } = this.entryStore
    if (store.scan === undefined) throw new OptionError(`The store "${store.name}" cannot list its keys.`)
    for await (const step of store.scan(prefix)) {
      this.#stampReads()
      const found = await Promise.all(step.map(([, entry]) => this.entryStore.check(entry)))
      for (const [i, [key, entry]] of step.entries()) {
        const decoded = isMiss(found[i]!) ? found[i] : decodeEntry(entry)
        if (isMiss(decoded)) continue
        this.entryStore.recordDependencies(currentReads(), entry)
        yield [key, decoded.value as T]
      }
    }
  }

  protected async loadValue<T> (key: string, loader: LoadFunction<T>, options: LoadOptions, miss?: Miss): Promise<T> {
    return readResult(await this.load(key, loader, options, miss), options.shared) as T
  }

  /** Returns a value that needs no load, fresh or stale, or the miss with which to load it. */
  #findValue (
    key: string, lookup: Lookup, options: ResolvedGetOrSetOptions, startedAt: number
  ): FoundValue | Miss {
    const found = this.#decode(key, lookup, startedAt, options.shared)
    if (!isMiss(found)) {
      const isDue = options.refreshAhead && !isMiss(lookup) && this.shouldRefreshEarly(key, lookup)
      return isDue ? { value: found.value, refresh: { miss: 'expired', seen: lookup } } : found
    }
    const hit = this.findStale(found, options)
    if (hit === undefined) return found
    const decoded = decodeEntry(hit.entry, options.shared)
    if (isMiss(decoded)) return found
    this.entryStore.recordDependencies(currentReads(), hit.entry)
    this.reportStale(key, hit.entry)
    const { stale: _, ...refresh } = found // a background load that fails serves nothing in its place
    return hit.refresh && !this.isLoading(key) ? { value: decoded.value, refresh } : decoded
  }

  /** Loads in the background. Its result makes no difference to the value that was returned. */
  #refresh (key: string, loader: LoadFunction<unknown>, options: LoadOptions, miss: Miss): void {
    const load = ignoreReads(() => this.load(key, loader, options, miss))
    load.catch((error) => this.entryStore.reportError('refresh', error))
  }

  /** As `#refresh`. */
  async #refreshMany (
    due: ReadonlyMap<string, Miss>, loader: LoadManyFunction<unknown>, options: LoadOptions
  ): Promise<void> {
    const loads = await ignoreReads(() => loadMany(this.loader, due, loader, options))
    for (const load of loads.values()) {
      if (load.status === 'rejected') this.entryStore.reportError('refresh', load.reason)
    }
  }

  /** Decodes the value of a lookup, and reports a hit or a miss. */
  #decode (key: string, found: Lookup, startedAt: number, shared?: boolean): { value: unknown } | Miss {
    const decoded = isMiss(found) ? found : decodeEntry(found, shared)
    if (!isMiss(found)) this.entryStore.recordDependencies(currentReads(), found)
    this.report(key, found, decoded, startedAt)
    return decoded
  }

  /** Stamps the load that reads from this cache, if any, before it reads. */
  #stampReads (): void {
    const reads = currentReads()
    if (reads !== undefined) this.beginTracking(reads)
  }
}

/** A value that is returned without waiting for a load. */
interface FoundValue {
  readonly value: unknown
  /** The miss with which to refresh it in the background, if that is due. */
  readonly refresh?: Miss
}

/** Returns the value of a load: a copy if another caller began it. If it cannot be copied, all callers share it. */
function readResult (
  { value, entry, payload = entry?.payload, collapsed }: LoadResult, shared = false
): unknown {
  if (!collapsed) return value
  if (shared && entry !== undefined) return decodeSharedValue(entry).value
  return payload === undefined ? value : decodeValue(payload)
}
