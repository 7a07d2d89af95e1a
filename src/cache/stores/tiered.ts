import type { Entry } from '../entry/entry.ts'
import { type MaybePromise, orElse } from '../util/maybe-promise.ts'
import { memoizedVersions } from '../versions/memoized.ts'
import { checkFunction, checkObject, checkDuration } from '../util/validate.ts'
import type { Lease, Store, LeaseResult } from './store.ts'

export interface TieredStoreOptions {
  /** Asked first. Must be in this process and hand out the entries that it was given, as `memoryStore` does. */
  near: Store
  /** The one that counts, shared with other processes. */
  far: Store
  /**
   * Seconds for which the near store is believed after the far one was asked, or has told all its changes: the longest
   * that a change by another process can go unseen, whatever breaks. Default 1.
   */
  nearTtl?: number
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/**
 * A near store over a far one. Reads fill the near store; writes go to the far one. Where the far store tells of its
 * changes, what is near stays for as long as that is heard; while it is not, for `nearTtl`.
 */
export function tieredStore (options: TieredStoreOptions): Store {
  const { near, far } = options
  const now = options.now ?? Date.now
  checkObject('near', near, 'get', 'a store, e.g. memoryStore()')
  checkObject('far', far, 'get', 'a store, e.g. redisStore()')
  checkFunction('now', now)
  const nearMs = checkDuration('nearTtl', options.nearTtl ?? 1) * 1000
  const { backplane } = far
  let versions = far.versions
  let askedAt = new WeakMap<Entry, number>()
  const reads = new Reads()

  if (backplane !== undefined) {
    const verdicts = versions = memoizedVersions({ far: far.versions, counts, now })
    backplane.listen({
      onEntry (key) {
        reads.changed([key])
        forget(() => near.delete([key]))
      },
      onTag: verdicts.forget,
      onAll () {
        reads.allChanged()
        forget(() => near.clear())
        verdicts.forget()
      }
    })
  }

  function forget (work: () => MaybePromise<unknown>): void {
    // What a near store fails to drop is not believed, at the price of all the rest.
    orElse(work, () => { askedAt = new WeakMap() })
  }

  /**
   * Whether what the far store said at that time still counts, as long as it has told of no change. Times to come are
   * those of a clock that was put back.
   */
  function counts (at: number): boolean {
    const time = now()
    return isRecent(time - at) || (backplane !== undefined && isRecent(time - backplane.caughtUpTo))
  }

  function isRecent (age: number): boolean {
    return age >= 0 && age < nearMs
  }

  function isBelieved (kept: Entry | undefined): kept is Entry {
    if (kept === undefined) return false
    const at = askedAt.get(kept)
    return at !== undefined && counts(at)
  }

  /** What is near is answered at once, where the near store does. */
  function nearOr<T> (key: string, ask: (key: string) => Promise<T>): MaybePromise<Entry | T> {
    const kept = near.get(key)
    if (kept instanceof Promise) return kept.then<Entry | T>((kept) => isBelieved(kept) ? kept : ask(key))
    return isBelieved(kept) ? kept : ask(key)
  }

  /** Keeps near the entry that the far store finds, unless the key changes meanwhile: it may be from before. */
  async function keep<T extends object | undefined> (key: string, ask: () => MaybePromise<T>): Promise<T> {
    const at = now()
    const read = reads.begin(key)
    try {
      const found = await ask()
      if (found !== undefined && 'payload' in found && !read.hasChanged()) {
        askedAt.set(found as Entry, at)
        await near.set(key, found as Entry)
      }
      return found
    } finally {
      read.end()
    }
  }

  const askFar = (key: string) => keep(key, () => far.get(key))
  const get = (key: string) => nearOr(key, askFar)

  async function write<T> (keys: readonly string[], work: () => MaybePromise<T>): Promise<T> {
    try {
      return await work()
    } finally {
      reads.changed(keys)
      await near.delete(keys)
    }
  }

  async function acquire (key: string, seen?: Entry): Promise<Entry | LeaseResult> {
    await near.delete([key])
    const found = await keep(key, () => far.acquire!(key, seen))
    if (!('lease' in found) || found.lease === undefined) return found
    const { lease } = found
    // A fill is a write like any other: the next read keeps near what it finds. The backplane may report it together with a
    // later change by somebody else.
    const watched: Lease = {
      fill: (entry) => write([key], () => lease.fill(entry)),
      release: (hitForMissMs, stale) => write([key], () => lease.release(hitForMissMs, stale))
    }
    return { ...found, lease: watched }
  }

  return {
    name: `${near.name} over ${far.name}`,
    versions,
    get available () { return far.available ?? true },
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    set: (key, entry) => write([key], () => far.set(key, entry)),
    add: (key, entry, replace) => write([key], () => far.add(key, entry, replace)),
    touch: (key, freshUntil, staleUntil) => write([key], () => far.touch(key, freshUntil, staleUntil)),
    increment: (key, by, initial, replace) => write([key], () => far.increment(key, by, initial, replace)),
    delete: (keys) => write(keys, () => far.delete(keys)),
    async clear (which) {
      try {
        return await far.clear(which)
      } finally {
        reads.allChanged()
        await near.clear(which)
      }
    },
    async close () {
      await near.close()
      await far.close()
    },
    ...far.acquire && { acquire },
    ...near.stats && { stats: () => near.stats!() }
  }
}

/** The reads of the far store that are under way, and whether their keys changed since they began. */
class Reads {
  readonly #byKey = new Map<string, { count: number, changes: number }>()

  begin (key: string) {
    let reads = this.#byKey.get(key)
    if (reads === undefined) this.#byKey.set(key, reads = { count: 0, changes: 0 })
    reads.count++
    const { changes } = reads
    return {
      hasChanged: () => reads.changes !== changes,
      end: () => { if (--reads.count === 0) this.#byKey.delete(key) }
    }
  }

  changed (keys: readonly string[]): void {
    for (const key of keys) {
      const reads = this.#byKey.get(key)
      if (reads !== undefined) reads.changes++
    }
  }

  allChanged (): void {
    for (const reads of this.#byKey.values()) reads.changes++
  }
}
