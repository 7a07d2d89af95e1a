/** The name under which all names beyond the limit, and names that are too long or empty, are counted together. */
export const OTHER = 'other'

const MAX_NAME_LENGTH = 64

/** A map of at most `max` names, plus `other`: labels of metrics must stay few. */
export class BoundedMap<T> {
  readonly #byName = new Map<string, T>()
  readonly #max: number
  readonly #create: () => T

  constructor (max: number, create: () => T) {
    this.#max = max
    this.#create = create
  }

  getOrCreate (name: string): T {
    return this.#byName.get(name) ?? this.#add(name)
  }

  #add (name: string): T {
    if (this.#byName.size >= this.#max || name.length > MAX_NAME_LENGTH || name === '') name = OTHER
    const existing = this.#byName.get(name)
    if (existing !== undefined) return existing
    const value = this.#create()
    this.#byName.set(name, value)
    return value
  }

  [Symbol.iterator] (): MapIterator<[string, T]> {
    return this.#byName.entries()
  }
}

/** Counts by name, for at most 50 names. */
export class Counts {
  readonly #counts = new BoundedMap(50, () => ({ count: 0 }))
  total = 0

  add (name: string): void {
    this.#counts.getOrCreate(name).count++
    this.total++
  }

  * [Symbol.iterator] (): Generator<[string, number]> {
    for (const [name, { count }] of this.#counts) yield [name, count]
  }
}
