import { AdapterMembers } from './adapter.ts'
import { boundStaleness, type ResolvedGetOrSetOptions, resolveGetOrSetOptions } from './call-options.ts'
import { decodeValue } from './entry/codec.ts'
import { isMiss, type Lookup, type Miss } from './entry/lookup.ts'
import { decodableEntry, decodeEntry, decodeSharedValue } from './entry/value.ts'
import { cacheChannel } from './events.ts'
import type { LoadResult } from './load/result.ts'
import type { GetOrSetOptions, LoadFunction, LoadOptions } from './types.ts'
import { startTimer } from './util/timer.ts'
import { checkFunction, checkKey, checkKeys } from './util/validate.ts'
import { currentReads, ignoreReads } from './versions/read-set.ts'

/** The verbs that read and load values. @internal */
export class ReadingVerbs extends AdapterMembers {
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
    return await this.loadValue(key, loader, options, found)
  }

  protected async loadValue<T> (key: string, loader: LoadFunction<T>, options: LoadOptions, miss?: Miss): Promise<T> {
    const result = await this.load(key, loader, options, miss)
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
}

/** Copies the value of a load that another caller began, if it can be copied. Otherwise all callers share it. */
function copyResult ({ value, entry, payload = entry?.payload }: LoadResult, shared = false): unknown {
  if (shared && entry !== undefined) return decodeSharedValue(entry).value
  return payload === undefined ? value : decodeValue(payload)
}
