import { crc32 } from 'node:zlib'

/** Random numbers that depend on a seed alone (mulberry32). */
export class Random {
  readonly #seed: number
  #state: number

  constructor (seed: number) {
    this.#seed = seed
    this.#state = seed >>> 0
  }

  /** Creates a generator that does not depend on the numbers drawn here, so that concurrent tasks are repeatable. */
  fork (name: string): Random {
    return new Random(crc32(`${name} ${this.#seed}`))
  }

  /** Returns a number from 0 to just below 1. */
  next (): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let bits = this.#state
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }

  /** Returns an integer from 0 to just below the limit. */
  below (limit: number): number {
    return Math.floor(this.next() * limit)
  }

  chance (probability: number): boolean {
    return this.next() < probability
  }

  pick<T> (items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  shuffle<T> (items: readonly T[]): T[] {
    const left = [...items]
    return items.map(() => left.splice(this.below(left.length), 1)[0]!)
  }
}
