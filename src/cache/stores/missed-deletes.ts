import type { MaybePromise } from '../util/maybe-promise.ts'
import type { Store } from './store.ts'

/** A deletion by prefix that L2 has missed. */
interface MissedClear {
  readonly prefix: string
  /** When it was made, in milliseconds since 1970. Entries from before that are treated as deleted. */
  readonly at: number
  /** Keys that this process has written after it in the same millisecond. */
  readonly written: Set<string>
}

/** Keys that are remembered one by one; more of them count as a deletion of all entries. */
const MAX_KEYS = 10_000
/** Deletions by prefix that are remembered one by one. */
const MAX_CLEARS = 100

/**
 * What this process was to delete from L2 while that was unavailable. It is made up for before L2 is read again, so
 * that the end of an outage does not bring back what was deleted or replaced in it.
 */
export class MissedDeletes {
  readonly #store: Store
  readonly #now: () => number
  #keys = new Set<string>()
  #clears: readonly MissedClear[] = []
  #settling: Promise<void> | undefined

  /** @param now returns milliseconds since 1970 */
  constructor (store: Store, now: () => number) {
    this.#store = store
    this.#now = now
  }

  /** Carries out a change after which L2 must not return what it has under these keys. */
  async watch<T> (keys: readonly string[], change: () => Promise<T>): Promise<T> {
    try {
      return await change()
    } catch (error) {
      this.#add(keys)
      throw error
    }
  }

  #add (keys: Iterable<string>): void {
    for (const key of keys) this.#keys.add(key)
    if (this.#keys.size <= MAX_KEYS) return
    this.#keys.clear()
    this.addClear('')
  }

  /** @param prefix of the keys that were to be deleted; empty: all keys */
  addClear (prefix: string): void {
    const clear = { at: this.#now(), written: new Set<string>() }
    const others = this.#clears.filter((other) => !other.prefix.startsWith(prefix))
    this.#clears = others.length < MAX_CLEARS ? [...others, { prefix, ...clear }] : [{ prefix: '', ...clear }]
  }

  /** Deletes from L2 the keys that it has missed. Returns nothing if there are none; rejects if L2 still fails. */
  settle (): MaybePromise<void> {
    if (this.#keys.size > 0) this.#settling ??= this.#deleteKeys().finally(() => { this.#settling = undefined })
    return this.#settling
  }

  async #deleteKeys (): Promise<void> {
    const keys = this.#keys
    this.#keys = new Set()
    try {
      const [first, ...others] = keys
      await this.#store.delete([first!]) // alone, to find out whether L2 works
      if (others.length > 0) await this.#store.delete(others)
    } catch (error) {
      this.#add(keys)
      throw error
    }
  }

  /** Whether an entry that L2 has returned was to be deleted. */
  hasCleared (key: string, storedAt: number): boolean {
    return this.#clears.some((clear) => isCleared(clear, key, storedAt) && !clear.written.has(key))
  }

  /** Notes that L2 has an entry of this process. */
  noteWrite (key: string, storedAt: number): void {
    for (const clear of this.#clears) {
      if (isCleared(clear, key, storedAt)) clear.written.add(key)
    }
  }
}

function isCleared ({ prefix, at }: MissedClear, key: string, storedAt: number): boolean {
  return storedAt <= at && key.startsWith(prefix)
}
