/** The number of tags whose last change is remembered. */
const MAX_TAGS = 100_000

/** A tag as the database lists it: a relation, and a slot if it is not about all rows. */
export interface Slot {
  /** The number of the relation; 0: none. */
  readonly rel: string
  readonly slot: number | undefined
}

/** The slot for some or all rows of a relation. */
const ANY = -1

/**
 * The changes that the looks of this process have seen, as a clock in memory: looks are numbered, and of each tag the
 * look is known that saw its last change.
 */
export class RecentChanges {
  /** The last change of `rel` and of `rel:slot`, oldest first. */
  readonly #seenAt = new Map<string, number>()
  readonly #maxTags: number
  /** The last look that has seen any change. */
  #lastSeen = 0
  /** Looks before this one cannot be compared: changes since then are unknown here. */
  #knownSince = 0
  /** Everything has changed at this look. */
  #allChangedAt = 0

  constructor (maxTags = MAX_TAGS) {
    this.#maxTags = maxTags
  }

  /** Whether all changes since a look are known. */
  knowsSince (look: number): boolean {
    return look >= this.#knownSince || look < this.#allChangedAt
  }

  /** Forgets everything: changes before this look may have been missed. */
  forget (look: number): void {
    this.#seenAt.clear()
    this.#knownSince = look
  }

  /** Notes a change of everything, e.g. of the schema. */
  changeAll (look: number): void {
    this.#seenAt.clear()
    this.#allChangedAt = this.#knownSince = this.#lastSeen = look
  }

  /** Notes a change. @param look the first that can see it */
  add (rel: string, slot: number, look: number): void {
    this.#lastSeen = look
    for (const key of [rel, `${rel}:${slot}`]) {
      this.#seenAt.delete(key) // so that the map stays in order
      this.#seenAt.set(key, look)
    }
    for (const [key, at] of this.#seenAt) {
      if (this.#seenAt.size <= this.#maxTags) break
      this.#seenAt.delete(key)
      this.#knownSince = at
    }
  }

  /** Returns the position of one of the tags that have changed after a look, or -1. Call it if `knowsSince(look)`. */
  findChanged (tags: readonly Slot[], look: number): number {
    if (look >= this.#lastSeen) return -1
    if (look < this.#allChangedAt) return 0
    return tags.findIndex(({ rel, slot }) => slot === undefined
      ? this.#isAfter(rel, look)
      : this.#isAfter(`${rel}:${slot}`, look) || this.#isAfter(`${rel}:${ANY}`, look))
  }

  #isAfter (key: string, look: number): boolean {
    return (this.#seenAt.get(key) ?? 0) > look
  }
}
