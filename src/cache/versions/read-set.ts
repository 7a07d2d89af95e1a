import { AsyncLocalStorage } from 'node:async_hooks'
import type { MaybePromise } from '../util/maybe-promise.ts'
import type { Stamp, Versions } from './versions.ts'
import type { NotStoredReason } from './not-stored-reason.ts'

interface Reads {
  stamp: MaybePromise<Stamp | undefined>
  readonly tags: Set<string>
}

const current = new AsyncLocalStorage<ReadSet | undefined>()

/**
 * The dependencies of a value, recorded while it is produced: for each version clock, the tags of everything that was
 * read, and a stamp from before the first read. With them a stored value can be checked without listing tags by hand.
 */
export class ReadSet {
  /** The read set that was current at creation: this value is produced for that one. */
  #outer = current.getStore()
  #reads: Map<Versions, Reads> | undefined
  #notStoredBecause: NotStoredReason | undefined
  /** Reads whose tags are not known yet. */
  #pending: Set<Promise<void>> | undefined

  /** Whether this value is produced for the other one, directly or not. */
  isWithin (other: ReadSet): boolean {
    for (let reads: ReadSet | undefined = this; reads !== undefined; reads = reads.#outer) {
      if (reads === other) return true
    }
    return false
  }

  /** Releases the outer read set. Call it when the load has ended: no caller waits for it any more. */
  end (): void {
    this.#outer = undefined
  }

  /**
   * Returns the stamp from before the first read. Call it before each read.
   *
   * @param take takes a stamp if there is none yet; it must not throw
   */
  begin (versions: Versions, take: () => MaybePromise<Stamp | undefined>): MaybePromise<Stamp | undefined> {
    const reads = (this.#reads ??= new Map()).get(versions)
    if (reads !== undefined) return reads.stamp
    const begun: Reads = { stamp: undefined, tags: new Set() }
    this.#reads.set(versions, begun)
    return setStamp(begun, take())
  }

  /** Takes a later stamp if nothing has been read yet. Call it after `begin`. */
  restamp (versions: Versions, take: () => MaybePromise<Stamp | undefined>): MaybePromise<Stamp | undefined> {
    const reads = this.#reads!.get(versions)!
    return reads.tags.size === 0 ? setStamp(reads, take()) : reads.stamp
  }

  /** Adds the tags of a read. Call it after `begin`. */
  add (versions: Versions, tags: Iterable<string>): void {
    const reads = this.#reads!.get(versions)!
    for (const tag of tags) reads.tags.add(tag)
  }

  /**
   * Records a read whose tags are found later. Nothing is stored before that.
   *
   * @param found calls `add` or `doNotStore`; it must not reject
   */
  addLater (found: Promise<void>): void {
    const pending = this.#pending ??= new Set()
    pending.add(found)
    found.then(() => { pending.delete(found) })
  }

  /** Whether the tags of some reads are not known yet. */
  get isPending (): boolean {
    return this.#pending !== undefined && this.#pending.size > 0
  }

  /** Waits until the tags of all reads are known; undefined if they are. */
  settle (): Promise<void> | undefined {
    if (!this.isPending) return undefined
    return Promise.all(this.#pending!).then(() => this.settle())
  }

  /** Forbids storing anything that depends on these reads, since they cannot be checked later. */
  doNotStore (reason: NotStoredReason): void {
    this.#notStoredBecause ??= reason
  }

  /** Adds the dependencies of another value, which this value depends on. */
  include (other: ReadSet): void {
    if (other === this) return
    if (other.#notStoredBecause !== undefined) this.doNotStore(other.#notStoredBecause)
    for (const [versions, { stamp, tags }] of other.#reads ?? []) {
      this.begin(versions, () => stamp)
      this.add(versions, tags)
    }
    const settled = other.settle()
    if (settled !== undefined) this.addLater(settled.then(() => this.include(other)))
  }

  /** Returns the recorded tags. Call it after `begin`. */
  tags (versions: Versions): ReadonlySet<string> {
    return this.#reads!.get(versions)!.tags
  }

  /** The reason why nothing that depends on these reads may be stored; undefined if it may. */
  get notStoredBecause (): NotStoredReason | undefined {
    return this.#notStoredBecause
  }
}

/** Sets a stamp. Once it has arrived, it is known at once that it is from before the next read. */
function setStamp (reads: Reads, stamp: MaybePromise<Stamp | undefined>): MaybePromise<Stamp | undefined> {
  reads.stamp = stamp
  if (stamp instanceof Promise) stamp.then((taken) => { if (reads.stamp === stamp) reads.stamp = taken })
  return stamp
}

/** Returns the read set of the value that is being produced in this async context, if any. */
export function currentReads (): ReadSet | undefined {
  return current.getStore()
}

/** Runs `work`, and records what it and its async continuations read. */
export function collectReads<T> (reads: ReadSet, work: () => T): T {
  return current.run(reads, work)
}

/** Runs `work` without recording its reads, e.g. those of a session that does not affect the value. */
export function ignoreReads<T> (work: () => T): T {
  return current.run(undefined, work)
}
