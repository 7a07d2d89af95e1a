/**
 * Fences reads of L2 against concurrent writes. A read may return a value from before a write that ended meanwhile, and
 * must not put it into L1 then. So each read enters the fence of its key, a write breaks it, and the read checks that
 * before it fills L1.
 */
export class ReadFence {
  /** The keys that are being read. */
  readonly #byKey = new Map<string, { readers: number, writes: number }>()

  enter (key: string) {
    let fence = this.#byKey.get(key)
    if (fence === undefined) this.#byKey.set(key, fence = { readers: 0, writes: 0 })
    fence.readers++
    const { writes } = fence
    let isInside = true
    return {
      isBroken: () => fence.writes !== writes,
      leave: () => {
        if (isInside && --fence.readers === 0) this.#byKey.delete(key)
        isInside = false
      }
    }
  }

  break (keys: readonly string[]): void {
    for (const key of keys) {
      const fence = this.#byKey.get(key)
      if (fence !== undefined) fence.writes++
    }
  }

  breakAll (): void {
    for (const fence of this.#byKey.values()) fence.writes++
  }
}
