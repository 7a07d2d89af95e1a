import { type EntryStore, MISSES, readableEntry, decodeEntry } from './entry-store.ts'
import { type Entry, hasLifetime } from '../entry/entry.ts'
import { InFlightLoads } from './in-flight.ts'
import { andThen, type MaybePromise, orElse } from '../util/maybe-promise.ts'
import { checkTags, checkDuration, checkSeconds } from '../util/validate.ts'
import { collectReads, currentReads, ReadSet } from '../versions/read-set.ts'
import type { Lease } from '../stores/store.ts'
import {
  type InFlightLoad, isMiss, type LoadFunction, type LoadContext, type LoadResult, type LoadOptions, LoadTimeoutError, type Lookup, type Miss
} from '../types.ts'

/** A longer timer of Node ends at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
/** Milliseconds between looks at a lease that another process holds: one that ends unfilled sends no message. */
const LOOK_MS = 250
/** Looks after which nobody is waited for any more: a minute. */
const LOOKS = 240
/** Seconds until the next attempt after one that failed, doubled with each further failure. */
const FIRST_RETRY = 1
const LONGEST_RETRY = 60
/** Milliseconds for which other processes load side by side what one has found not to be keepable. */
const PASS_MS = 10_000
/** In times of what its load took: how long before its end an entry may be renewed. Earlier the odds are one in 20,000. */
const LONGEST_LEAD = 10

export interface LoaderOptions {
  entries: EntryStore
  /** Seconds that a value is kept where a call does not say; null: for ever. */
  ttl: number | null
  /** Loads under way at once that are shared and kept. */
  maxLoads: number
}

/** Loads what is missing: one load for all who miss together, here and in other processes, kept unless it may be stale by then. */
export class Loader {
  readonly #entries: EntryStore
  readonly #ttl: number | null
  readonly #maxLoads: number
  readonly #flights = new InFlightLoads()

  constructor ({ entries, ttl, maxLoads }: LoaderOptions) {
    this.#entries = entries
    this.#ttl = ttl
    this.#maxLoads = maxLoads
  }

  /** How many loads are under way in this process. */
  get underWay (): number {
    return this.#flights.size
  }

  /** As `Entries.findOrLease` or `find`, and remembers the load that is under way: by the time that the store has answered it may be over. */
  find (key: string, lease: boolean): MaybePromise<Lookup> {
    const underWay = this.#flights.get(key)
    const found = lease ? this.#entries.findOrLease(key) : this.#entries.find(key)
    return underWay === undefined ? found : andThen(found, (found) => isMiss(found) ? { ...found, inFlight: underWay } : found)
  }

  /** What follows a miss: joins a load under way that has seen enough, or begins one. */
  async load (key: string, load: LoadFunction<unknown>, options: LoadOptions = {}, miss: Miss = MISSES.absent): Promise<LoadResult> {
    let alone = this.#entries.isolated ? 'uncommitted-read' : undefined
    // Who has just got the lease knows that a load under way has lost it, e.g. since another process deleted the key.
    if (alone === undefined && !holdsLease(miss)) {
      const earlier = this.#flights.get(key) ?? miss.inFlight
      if (earlier !== undefined && currentReads()?.isWithin(earlier.reads)) alone = 'recursive-load' // it would wait for itself
      else if (earlier !== undefined && !hasLost(earlier, miss) && await this.#isTrueSoFar(earlier)) {
        const loaded = await this.#land(earlier, { joined: true, check: true }, key, options, miss)
        if (loaded !== undefined) return loaded
        // By now there may be a newer one.
        const found = readableEntry(await this.#entries.findOrLease(key))
        if (!isMiss(found)) {
          this.#entries.noteTags(currentReads(), found)
          return adopted(found)
        }
        miss = found
      } else if (earlier !== undefined) {
        // Nobody waits for a lease whose holder will not be able to use it.
        this.#release(earlier, earlier.reads.notStoredBecause === undefined ? 0 : PASS_MS)
      }
      // One that began since the caller came has seen every write that the caller could know of.
      const later = alone !== undefined || holdsLease(miss) ? undefined : this.#flights.get(key)
      if (later !== undefined && later !== earlier) return (await this.#land(later, { joined: true }, key, options, miss))!
    }
    if (this.#flights.size >= this.#maxLoads) alone ??= 'too-many-loads'
    return (await this.#land(this.#begin(key, load, options, miss, alone), {}, key, options, miss))!
  }

  /**
   * What a load brings, or what stands in for it.
   *
   * @param check whether it must be found true after its end; undefined is answered where it is not
   */
  async #land (
    flight: InFlightLoad, { joined = false, check = false }: { joined?: boolean, check?: boolean }, key: string, options: LoadOptions, miss: Miss
  ): Promise<LoadResult | undefined> {
    let loaded: LoadResult
    try {
      loaded = await within(this.#patience(flight, options, miss), key, flight.result)
      // Its key was written or deleted, maybe by another process, and maybe before the caller came.
      if (check && (loaded.notStoredBecause === 'revoked' || !await this.#wasTrue(flight))) return undefined
      if (joined && !loaded.coalesced) loaded = { ...loaded, coalesced: joined }
    } catch (error) {
      if (check && !(error instanceof LoadTimeoutError) && !await this.#wasTrue(flight)) return undefined
      // What was deleted or invalidated while the load was under way does not stand in for it.
      const old = !flight.revoked && this.standsIn(miss.stale, options.staleIfError) && !isMiss(await this.#entries.verify({ ...miss.stale, freshUntil: Infinity }))
        ? decodeEntry(miss.stale)
        : undefined
      if (old === undefined || isMiss(old)) {
        currentReads()?.include(flight.reads)
        throw error
      }
      this.#entries.failed('load', error)
      this.#entries.tell({ type: 'stale', key, entry: miss.stale! })
      this.#entries.noteTags(currentReads(), miss.stale!)
      return { value: old.value, entry: miss.stale!, stored: false, stale: true }
    }
    // An answer made of this one is made of the same reads.
    currentReads()?.include(flight.reads)
    return loaded
  }

  /** Seconds to wait: where an old value can stand in, those since the load began count. */
  #patience (flight: InFlightLoad, { timeout, staleIfError }: LoadOptions, miss: Miss): number | undefined {
    if (timeout === undefined || !this.standsIn(miss.stale, staleIfError)) return timeout
    return Math.max(0, timeout - (this.#entries.now() - flight.startedAt) / 1000)
  }

  /** @param alone why the load is not shared and not kept */
  #begin (key: string, load: LoadFunction<unknown>, options: LoadOptions, miss: Miss, alone: string | undefined): InFlightLoad {
    const reads = options.reads ?? new ReadSet()
    const flight: InFlightLoad = {
      startedAt: this.#entries.now(),
      stamp: this.#entries.begin(reads, options.tags),
      reads,
      result: undefined as never,
      revoked: false,
      leaseUnavailable: false,
      stillCurrent: undefined,
      lease: undefined,
      token: undefined
    }
    const fly = () => this.#fly(flight, key, load, options, miss, alone).finally(() => reads.end())
    if (alone === undefined) return this.#flights.start(key, flight, fly)
    flight.result = fly()
    return flight
  }

  /** Whether nothing that a load has read so far has changed since. */
  #isTrueSoFar (flight: InFlightLoad): MaybePromise<boolean> {
    if (flight.revoked || flight.reads.notStoredBecause !== undefined) return false
    const tags = this.#entries.tagsOf(flight.reads)
    if (tags.length === 0) return true
    return andThen(flight.stamp, (stamp) => stamp === undefined ||
      andThen(this.#entries.firstChanged(stamp, tags), (changed) => typeof changed !== 'string' && !flight.revoked))
  }

  /** As `#isTrueSoFar` after its end; one look does for all who came while it was under way. */
  #wasTrue (flight: InFlightLoad): MaybePromise<boolean> {
    flight.stillCurrent ??= this.#isTrueSoFar({ ...flight, revoked: false })
    return flight.stillCurrent
  }

  async #fly (
    flight: InFlightLoad, key: string, load: LoadFunction<unknown>, options: LoadOptions, miss: Miss, alone: string | undefined
  ): Promise<LoadResult> {
    const { entry, lease, old, waited, unguarded } = alone === undefined ? await this.#acquire(key, options, miss) : { lease: miss.leaseResult?.lease }
    if (entry !== undefined) {
      this.#entries.noteTags(flight.reads, entry)
      return adopted(entry)
    }
    flight.lease = lease
    flight.token = lease?.token
    flight.leaseUnavailable = unguarded === true
    if (waited) flight.stamp = flight.reads.restamp(this.#entries.versions, () => this.#entries.stamp(options.tags))
    try {
      const loaded = await this.#run(flight, key, load, options, alone)
      if (loaded.notStoredBecause !== undefined) this.#entries.tell({ type: 'refuse', key, reason: loaded.notStoredBecause })
      if (old !== undefined && loaded.dropsStale) await this.#dropOld(key, old, flight)
      this.#release(flight, PASS_MS)
      return loaded
    } catch (error) {
      if (old !== undefined && !flight.revoked) await this.#postpone(key, old, flight)
      this.#release(flight, PASS_MS)
      throw error
    }
  }

  /**
   * Waits for the lease of the key, or for what its holder brings. With neither, the store can lease nothing now.
   * Answers besides whether it had to wait, and which entry is to be renewed, if any.
   */
  async #acquire (
    key: string, options: LoadOptions, miss: Miss
  ): Promise<{ entry?: Entry, lease?: Lease | undefined, old?: Entry | undefined, waited?: boolean, unguarded?: boolean }> {
    let old = oldOf(miss)
    if (this.#entries.store.getOrLease === undefined) return { old }
    let found: Lookup = miss
    let watch
    try {
      for (let looks = 0; looks < LOOKS; looks++) {
        if (!isMiss(found)) {
          const opened = decodeEntry(found)
          if (!isMiss(opened)) return { entry: found }
          found = opened
        }
        const { leaseResult, seen, stale } = found
        const waited = watch !== undefined
        // A lease that was taken over an entry does not say over which.
        if (seen !== undefined) old = oldOf(found)
        if (waited && this.standsInAtOnce(stale, options) && !this.mayRenew(stale)) {
          await orElse(() => leaseResult?.lease?.release(), (error) => this.#entries.failed('release', error))
          throw new Error(`another process has just failed to load ${JSON.stringify(key)}`)
        }
        if (leaseResult?.lease !== undefined) return { lease: leaseResult.lease, old, waited }
        if (leaseResult?.wait !== undefined) {
          watch ??= leaseResult.wait()
          await watch.next(LOOK_MS)
          found = await this.#entries.findOrLease(key)
        } else {
          if (leaseResult !== undefined) return { waited }
          if (found.miss === 'unavailable') return { waited, unguarded: true }
          found = await this.#entries.findOrLease(key, seen)
        }
      }
      return { waited: true, unguarded: true }
    } finally {
      watch?.end()
    }
  }

  async #run (flight: InFlightLoad, key: string, load: LoadFunction<unknown>, options: LoadOptions, alone: string | undefined): Promise<LoadResult> {
    const stamp = await flight.stamp
    let ttl = options.ttl === undefined ? this.#ttl : options.ttl
    let keepFor: number | undefined
    let madeIn: number | null | undefined
    let ignoresReads = false
    let skipped: 'ends-old' | 'keeps-old' | undefined
    const addTags = (tags: readonly string[]) => flight.reads.add(this.#entries.versions, tags)
    addTags(options.tags ?? [])
    const context: LoadContext = {
      key,
      addTags: (...tags) => { checkTags(tags); addTags(tags) },
      setTtl (value) { ttl = checkSeconds('ttl', value) },
      staleFor (value) { keepFor = checkDuration('keepOldFor', value) },
      loadedIn (ms) { madeIn = ms },
      ignoreReads () { ignoresReads = true },
      skipStore (keepOld = false) { skipped = keepOld ? 'keeps-old' : 'ends-old' }
    }

    const began = this.#entries.now()
    // Awaited inside: a query builder runs when it is awaited.
    const value = await collectReads(flight.reads, async () => await load(context))
    const ms = madeIn === undefined ? this.#entries.now() - began : madeIn
    if (ms !== null) this.#entries.tell({ type: 'load', key, ms })

    const window = keepFor ?? Math.max(options.staleWhileRevalidate ?? 0, options.staleIfError ?? 0)
    const hasTime = hasLifetime(ttl) || (keepFor ?? 0) > 0
    if (skipped !== undefined || value === undefined || !hasTime) return { value, stored: false, dropsStale: skipped !== 'keeps-old' && !flight.revoked }
    const refusal = ignoresReads ? alone : flight.reads.notStoredBecause ?? alone
    if (refusal !== undefined) return { value, stored: false, notStoredBecause: refusal }
    let entry: Entry
    try {
      entry = this.#entries.make(value, ttl, ignoresReads ? [] : this.#entries.tagsOf(flight.reads), stamp, window)
    } catch (error) {
      this.#entries.failed('encode', error)
      return { value, stored: false }
    }
    if (ms !== null && ms > 0) entry = { ...entry, loadMs: ms }
    return { value, entry, ...await this.#fill(flight, key, entry) }
  }

  /** Keeps what a load brought, unless something that it may not have seen was written meanwhile. */
  async #fill (flight: InFlightLoad, key: string, entry: Entry): Promise<Pick<LoadResult, 'stored' | 'notStoredBecause'>> {
    const unseen = entry.tags.length > 0 && await this.#entries.firstChanged(entry.stamp, entry.tags) !== undefined
    if (unseen) return { stored: false, notStoredBecause: 'outdated' }
    if (flight.revoked) return { stored: false, notStoredBecause: 'revoked' }
    // Without a lease, a deletion by another process since the load began would go unseen.
    if (flight.leaseUnavailable) return { stored: false, notStoredBecause: 'store-unavailable' }
    const { lease } = flight
    const kept = await this.#entries.write(key, entry, lease)
    if (kept.stored) flight.lease = undefined
    else if (kept.notStoredBecause === 'too-large') await this.#release(flight, PASS_MS, null)
    return kept
  }

  /** Notes at an entry that it could not be renewed, so that not every request tries. */
  async #postpone (key: string, old: Entry, flight: InFlightLoad): Promise<void> {
    const { store, now } = this.#entries
    if (now() >= old.staleUntil) return
    const failures = (old.retry?.failures ?? 0) + 1
    const ms = Math.min(FIRST_RETRY * 2 ** (failures - 1), LONGEST_RETRY) * 1000
    const noted: Entry = { ...old, retry: { failures, at: now() + ms } }
    // Nobody waits for an entry that is still good.
    if (store.getOrLease !== undefined) return await this.#release(flight, now() < old.freshUntil ? 0 : Math.min(ms, PASS_MS), noted)
    await orElse(
      // What was deleted meanwhile must not come back.
      () => andThen(store.get(key), (kept) => kept === old && store.add(key, noted, old)),
      (error) => this.#entries.failed('postpone', error)
    )
  }

  /** What a load brought that is not to be kept takes the place of the old entry all the same: with nothing. */
  async #dropOld (key: string, old: Entry, flight: InFlightLoad): Promise<void> {
    const { store } = this.#entries
    if (store.getOrLease !== undefined) return await this.#release(flight, PASS_MS, null)
    await orElse(
      () => andThen<Entry | undefined, unknown>(store.get(key), (kept) => kept === old && store.delete([key])),
      (error) => this.#entries.failed('drop', error)
    )
  }

  /** As `Lease.release`. */
  async #release (flight: InFlightLoad, pass: number, old?: Entry | null): Promise<void> {
    const { lease } = flight
    flight.lease = undefined
    if (lease === undefined) return
    await orElse(() => lease.release(pass, old), (error) => this.#entries.failed('release', error))
  }

  /** Whether an old entry may still stand in. @param window seconds after its life */
  standsIn (stale: Entry | undefined, window: number | undefined): stale is Entry {
    return stale !== undefined && window !== undefined && this.#entries.now() < stale.freshUntil + window * 1000
  }

  /** Whether an old entry is to be answered at once: since it may, or since it is too early for another attempt to renew it. */
  standsInAtOnce (stale: Entry | undefined, { staleWhileRevalidate, staleIfError }: LoadOptions): stale is Entry {
    return this.standsIn(stale, staleWhileRevalidate) || (this.standsIn(stale, staleIfError) && !this.mayRenew(stale))
  }

  /** Whether the last attempt to renew an entry, if it failed, is long enough ago. */
  mayRenew ({ retry }: Entry): boolean {
    return retry === undefined || this.#entries.now() >= retry.at
  }

  /** Whether a good entry is to be renewed ahead of its time: XFetch, by Vattani, Chierichetti and Lowenstein, 2015. */
  isDue (key: string, entry: Entry): boolean {
    const { loadMs, freshUntil } = entry
    const left = freshUntil - this.#entries.now()
    if (loadMs === undefined || left > LONGEST_LEAD * loadMs) return false
    return -Math.log(this.#entries.random()) * loadMs >= left && this.mayRenew(entry) && this.#flights.get(key) === undefined
  }

  /** Keeps the loads under way from storing what the caller is about to replace or delete, and from being joined. */
  revoke (key: string): void {
    this.#flights.revoke(key)
  }

  /** @param prefix of the keys; empty: of all */
  revokeAll (prefix = ''): void {
    this.#flights.revokeAll(prefix)
  }
}

/** The entry that a load is to renew. */
function oldOf ({ miss, seen }: Miss): Entry | undefined {
  return miss === 'expired' ? seen : undefined
}

/** Whether somebody else has the lease that a load under way began with, since the key was written or deleted meanwhile. */
function hasLost ({ token }: InFlightLoad, { leaseResult }: Miss): boolean {
  return token !== undefined && leaseResult?.holder !== undefined && leaseResult.holder !== token
}

function holdsLease ({ leaseResult }: Miss): boolean {
  return leaseResult?.lease?.hitForMiss === false
}

/** What another load brought. @param entry one that can be read */
function adopted (entry: Entry): LoadResult {
  return { value: (decodeEntry(entry) as { value: unknown }).value, entry, stored: true, coalesced: true }
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
