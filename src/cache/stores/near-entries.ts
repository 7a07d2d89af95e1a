import type { Entry } from '../entry/entry.ts'
import type { Backplane, EntryFilter, OutageStore, Store } from './store.ts'

/** How an entry came into L1. */
interface Origin {
  /** When L2 was read, in milliseconds since 1970; for an entry that L2 does not have, when it was stored. */
  readonly since: number
  /** It was stored while L2 was unavailable, and L2 does not have it. */
  readonly inOutage: boolean
}

export interface NearEntriesOptions {
  near: Store
  backplane: Backplane | undefined
  /** Milliseconds for which a reply of L2 is trusted while L2 is available, and while it is not. */
  nearMs: number
  outageMs: number
  /** Milliseconds since 1970. */
  now: () => number
}

/** The entries of L1, and for how long each may be used without L2. */
export class NearEntries implements OutageStore {
  readonly #options: NearEntriesOptions
  /** Only entries that are listed here may be used: other users of L1 may store what L2 does not have. */
  readonly #origins = new WeakMap<Entry, Origin>()

  constructor (options: NearEntriesOptions) {
    this.#options = options
    checkSynchronous(options.near)
  }

  /** Returns an entry that L2 needs not be read for. */
  getTrusted (key: string): Entry | undefined {
    const entry = this.#get(key)
    const origin = entry && this.#origins.get(entry)
    return origin !== undefined && !origin.inOutage && this.isTrusted(origin.since) ? entry : undefined
  }

  /** @param readAt when L2 was read, in milliseconds since 1970 */
  fill (key: string, entry: Entry, readAt: number): void {
    this.#origins.set(entry, { since: readAt, inOutage: false })
    this.#options.near.set(key, entry)
  }

  delete (keys: readonly string[]): void {
    this.#options.near.delete(keys)
  }

  clear (filter?: EntryFilter): void {
    this.#options.near.clear(filter)
  }

  // While L2 is unavailable

  get (key: string, canVerify: boolean): Entry | undefined {
    const entry = this.#get(key)
    const origin = entry && this.#origins.get(entry)
    if (origin === undefined) return undefined
    if (canVerify && entry!.tags.length > 0) return entry
    const since = origin.inOutage ? origin.since : this.#trustedSince(origin.since)
    return this.#options.now() < since ? undefined : limitFreshness(entry!, since + this.#options.outageMs)
  }

  set (key: string, entry: Entry): boolean {
    this.#origins.set(entry, { since: entry.storedAt, inOutage: true })
    return this.#options.near.set(key, entry) as boolean // checkSynchronous
  }

  // Trust

  /** Whether a reply of L2 is still valid, if the backplane has reported no change of it. */
  isTrusted (readAt: number): boolean {
    const { backplane, nearMs } = this.#options
    return this.#isRecent(readAt, nearMs) || (backplane !== undefined && this.#isRecent(backplane.caughtUpTo, nearMs))
  }

  /** The same while L2 is unavailable. */
  isTrustedInOutage (readAt: number): boolean {
    return this.#isRecent(this.#trustedSince(readAt), this.#options.outageMs)
  }

  /** A time in the future means that the clock was set back, so that it says nothing. */
  #isRecent (time: number, ms: number): boolean {
    const age = this.#options.now() - time
    return age >= 0 && age < ms
  }

  /** The last time at which a reply of L2 was known to be valid. */
  #trustedSince (readAt: number): number {
    return Math.max(readAt, this.#options.backplane?.caughtUpTo ?? readAt)
  }

  #get (key: string): Entry | undefined {
    return this.#options.near.get(key) as Entry | undefined // checkSynchronous
  }
}

/** Refuses a store whose entries arrive later: by then they may have been deleted. */
function checkSynchronous (near: Store): void {
  const found: unknown = near.get('larder')
  if (!(found instanceof Promise)) return
  found.catch(() => {})
  throw new TypeError(`near must be a store that returns entries at once, e.g. memoryStore(), but "${near.name}" ` +
    'returns promises. Use it as far.')
}

/** Returns the entry, or a copy that expires at this time if that is earlier. It may be served stale for as long. */
function limitFreshness (entry: Entry, end: number): Entry {
  const { freshUntil, staleUntil } = entry
  if (freshUntil <= end) return entry
  return { ...entry, freshUntil: end, staleUntil: end + (staleUntil === freshUntil ? 0 : staleUntil - freshUntil) }
}
