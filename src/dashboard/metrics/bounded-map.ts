/** The name that all share who come too late, or whose name is too long. */
export const OTHER = 'other'

const MAX_NAME_LENGTH = 64

/** Something for each name, made at its first use, and for so many names only: labels of metrics must stay few. */
export class BoundedMap<T> {
  readonly #byName = new Map<string, T>()
  readonly #max: number
  readonly #make: () => T

  constructor (max: number, make: () => T) {
    this.#max = max
    this.#make = make
  }

  of (name: string): T {
    return this.#byName.get(name) ?? this.#add(name)
  }

  #add (name: string): T {
    if (this.#byName.size >= this.#max || name.length > MAX_NAME_LENGTH || name === '') name = OTHER
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const made = this.#make()
    this.#byName.set(name, made)
    return made
  }

  [Symbol.iterator] (): MapIterator<[string, T]> {
    return this.#byName.entries()
  }
}

/** How often each of a few names was counted. */
export class Counts {
  readonly #counts = new BoundedMap(50, () => ({ count: 0 }))
  total = 0

  add (name: string): void {
    this.#counts.of(name).count++
    this.total++
  }

  * [Symbol.iterator] (): Generator<[string, number]> {
    for (const [name, { count }] of this.#counts) yield [name, count]
  }
}
