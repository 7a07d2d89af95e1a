import { AsyncLocalStorage } from 'node:async_hooks'
import type { MaybePromise } from '../util/maybe-promise.ts'
import type { Stamp, Versions } from './versions.ts'

interface Reads {
  stamp: MaybePromise<Stamp | undefined>
  readonly tags: Set<string>
}

const current = new AsyncLocalStorage<ReadSet | undefined>()

/**
 * What has been read while an answer is made: on each version clock, the tags of what was read, and a stamp from
 * before the first read. It makes an answer verifiable without anybody naming its tags.
 */
export class ReadSet {
  /** That of the answer for which this one is made. */
  #outer = current.getStore()
  #reads: Map<Versions, Reads> | undefined
  #refusal: string | undefined

  /** Whether what goes in here is read to make what goes in there. */
  isWithin (other: ReadSet): boolean {
    for (let reads: ReadSet | undefined = this; reads !== undefined; reads = reads.#outer) if (reads === other) return true
    return false
  }

  /** Its load is over: nobody waits for it any more, and what it was made within need not be remembered. */
  end (): void {
    this.#outer = undefined
  }

  /**
   * To be called before a read: the stamp from before the first one.
   *
   * @param take takes a stamp, where there is none yet; it must not throw
   */
  begin (versions: Versions, take: () => MaybePromise<Stamp | undefined>): MaybePromise<Stamp | undefined> {
    const reads = (this.#reads ??= new Map()).get(versions)
    if (reads !== undefined) return reads.stamp
    const stamp = take()
    this.#reads.set(versions, { stamp, tags: new Set() })
    return stamp
  }

  /** A later stamp, where nothing has been read since the first. To be called after `begin`. */
  restamp (versions: Versions, take: () => MaybePromise<Stamp | undefined>): MaybePromise<Stamp | undefined> {
    const reads = this.#reads!.get(versions)!
    if (reads.tags.size === 0) reads.stamp = take()
    return reads.stamp
  }

  /** To be called after `begin`. */
  add (versions: Versions, tags: Iterable<string>): void {
    const reads = this.#reads!.get(versions)!
    for (const tag of tags) reads.tags.add(tag)
  }

  /** Says that what was read can never be verified, so that nothing made of it may be kept. @param why a token */
  doNotStore (why: string): void {
    this.#refusal ??= why
  }

  /** Adds what another answer was made of, and this one is made of in turn. */
  include (other: ReadSet): void {
    if (other === this) return
    if (other.#refusal !== undefined) this.doNotStore(other.#refusal)
    for (const [versions, { stamp, tags }] of other.#reads ?? []) {
      this.begin(versions, () => stamp)
      this.add(versions, tags)
    }
  }

  /** To be called after `begin`. */
  tags (versions: Versions): ReadonlySet<string> {
    return this.#reads!.get(versions)!.tags
  }

  /** Why nothing made of these reads may be kept; undefined where it may. */
  get notStoredBecause (): string | undefined {
    return this.#refusal
  }
}

/** The read set of the answer that is being made on this path of awaits, if any. */
export function currentReads (): ReadSet | undefined {
  return current.getStore()
}

/** Runs `work`, and whatever it awaits or calls back, with what it reads going into the set. */
export function collectReads<T> (reads: ReadSet, work: () => T): T {
  return current.run(reads, work)
}

/** Runs `work` so that what it reads makes no difference to the answer around it, e.g. a look at a session. */
export function ignoreReads<T> (work: () => T): T {
  return current.run(undefined, work)
}
