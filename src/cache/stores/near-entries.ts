import { type Entry, isSameEntry } from '../entry/entry.ts'
import { OptionError } from '../errors.ts'
import type { Backplane, EntryFilter, OutageStore, Store } from './store.ts'

/** How an entry came into L1. Times are in milliseconds since 1970. */
type Origin =
  /** It was read from L2. */
  | { readonly from: 'L2', readonly since: number }
  /** It was stored while L2 was unavailable. */
  | { readonly from: 'outage', readonly since: number, readonly outage: Outage }
  /** It was stored because L2 refused it. */
  | Refusal

interface Refusal {
  readonly from: 'refusal'
  readonly since: number
  /** How many writes L2 had accepted then. */
  readonly accepted: number
  /** What L2 had under the key when it was last read. */
  readonly over: Entry | undefined
}

/** A time in which L2 sent no reply. */
interface Outage {
  /** When this process noticed it, in milliseconds since 1970. */
  readonly startedAt: number
  /** The value of `Store.outages` then. */
  readonly number: number
}

export interface NearEntriesOptions {
  near: Store
  backplane: Backplane | undefined
  /** Milliseconds for which a reply of L2 is trusted while L2 is available, and while it is not. */
  nearMs: number
  outageMs: number
  /** See `Store.outages`. */
  outages: () => number
  /** Milliseconds since 1970. */
  now: () => number
}

/** The entries of L1, and for how long each may be used without L2. */
export class NearEntries implements OutageStore {
  readonly #options: NearEntriesOptions
  /** Only entries that are listed here may be used: other users of L1 may store what L2 does not have. */
  readonly #origins = new WeakMap<Entry, Origin>()
  #outage: Outage | undefined
  #accepted = 0

  constructor (options: NearEntriesOptions) {
    this.#options = options
    checkSynchronous(options.near)
  }

  /** Returns an entry that L2 needs not be read for. */
  getTrusted (key: string): Entry | undefined {
    const entry = this.#get(key)
    const origin = entry && this.#origins.get(entry)
    return origin?.from === 'L2' && this.isTrusted(origin.since) ? entry : undefined
  }

  /**
   * Stores what L2 has under a key, and returns what is to be used: an entry that L2 has refused, unless another
   * process has changed the key since.
   *
   * @param found the entry that L2 has returned
   * @param readAt when L2 was read, in milliseconds since 1970
   */
  update (key: string, found: Entry | undefined, readAt: number): Entry | undefined {
    const entry = this.#get(key)
    const origin = entry && this.#origins.get(entry)
    if (origin?.from === 'refusal' && this.#isRefusing(origin) && isSameState(found, origin.over) &&
      this.#options.now() < entry!.staleUntil) return entry
    if (found === undefined) this.#options.near.delete([key])
    else this.#store(key, found, { from: 'L2', since: readAt })
    return found
  }

  delete (keys: readonly string[]): void {
    this.#options.near.delete(keys)
  }

  clear (filter?: EntryFilter): void {
    this.#options.near.clear(filter)
  }

  // While L2 is unavailable, or refuses writes

  get (key: string, canCheck: boolean): Entry | undefined {
    const outage = this.#currentOutage()
    const entry = this.#get(key)
    const origin = entry && this.#origins.get(entry)
    if (origin === undefined || (origin.from === 'outage' && origin.outage !== outage)) return undefined
    const since = origin.from === 'L2' ? this.#trustedSince(origin.since) : origin.since
    // Another process may have deleted it while L2 was available.
    const wasKnown = origin.from === 'outage' ||
      (origin.from === 'L2' && outage.startedAt - since < this.#options.outageMs)
    return canCheck && entry!.tags.length > 0 && wasKnown ? entry : this.#limit(entry!, since)
  }

  set (key: string, entry: Entry): boolean {
    return this.#store(key, entry, { from: 'outage', since: entry.storedAt, outage: this.#currentOutage() })
  }

  /**
   * Stores an entry that L2 has refused. It expires after `outageTtl`, also if its tags can be checked: another process
   * may delete a key that L2 does not have, and nothing shows it. False if it is too large.
   */
  setRefused (key: string, entry: Entry): boolean {
    const last = this.#get(key)
    const origin = last && this.#origins.get(last)
    const over = origin?.from === 'L2' ? last : origin?.from === 'refusal' ? origin.over : undefined
    const limited = limitFreshness(entry, entry.storedAt + this.#options.outageMs)
    return this.#store(key, limited, { from: 'refusal', since: entry.storedAt, accepted: this.#accepted, over })
  }

  /** L2 has replied, so that other processes may change it again. */
  endOutage (): void {
    this.#outage = undefined
  }

  /** L2 has accepted a write, so that it is to be tried with what it has refused before. */
  endRefusal (): void {
    this.#accepted++
  }

  /** Whether L2 has accepted no write since it has refused an entry. A heartbeat of the backplane is a write, too. */
  #isRefusing ({ since, accepted }: Refusal): boolean {
    return accepted === this.#accepted && !(this.#options.backplane && this.#options.backplane.caughtUpTo > since)
  }

  #currentOutage (): Outage {
    const number = this.#options.outages()
    if (this.#outage?.number !== number) this.#outage = { startedAt: this.#options.now(), number }
    return this.#outage
  }

  #store (key: string, entry: Entry, origin: Origin): boolean {
    this.#origins.set(entry, origin)
    return this.#options.near.set(key, entry) as boolean // checkSynchronous
  }

  /** Returns an entry so that it expires `outageTtl` after that time; undefined if the clock was set back since. */
  #limit (entry: Entry, since: number): Entry | undefined {
    return this.#options.now() < since ? undefined : limitFreshness(entry, since + this.#options.outageMs)
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
  throw new OptionError('The value of near must be a store that returns entries at once, e.g. memoryStore(), ' +
    `but "${near.name}" returns promises. Use it as far.`)
}

/** Whether L2 has the same entry as before under a key, or still none. */
function isSameState (found: Entry | undefined, before: Entry | undefined): boolean {
  return found === undefined ? before === undefined : isSameEntry(found, before)
}

/** Returns the entry, or a copy that expires at this time if that is earlier. It may be served stale for as long. */
function limitFreshness (entry: Entry, end: number): Entry {
  const { freshUntil, staleUntil } = entry
  if (freshUntil <= end) return entry
  return { ...entry, freshUntil: end, staleUntil: end + (staleUntil === freshUntil ? 0 : staleUntil - freshUntil) }
}
