const STEPS = [1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9]
const SCRAPED_STEPS = [1, 2.5, 5]
/** Powers of ten: from 10 µs to 90 s. */
const DECADES = [-5, -4, -3, -2, -1, 0, 1]

const boundsOf = (steps: number[]) => DECADES.flatMap((decade) => steps.map((step) => Number(`${step}e${decade}`)))

/** Upper bounds of the buckets in seconds, near enough to each other for quantiles. */
const BOUNDS = boundsOf(STEPS)
/** Those that Prometheus is told, which are some of them: so the counts below them are exact. */
export const SCRAPED_BOUNDS = boundsOf(SCRAPED_STEPS)

/** How many durations were how long. Recording one costs a search among a hundred numbers, and makes nothing. */
export class Histogram {
  /** The last is for what is longer than all bounds. */
  readonly #counts = new Float64Array(BOUNDS.length + 1)
  /** Of the durations, in seconds. */
  sum = 0
  count = 0

  record (seconds: number): void {
    let low = 0
    let high = BOUNDS.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (BOUNDS[middle]! < seconds) low = middle + 1
      else high = middle
    }
    this.#counts[low]!++
    this.count++
    this.sum += seconds
  }

  /** Seconds that a part of all, from 0 to 1, took at most; undefined where nothing is recorded. */
  quantile (part: number): number | undefined {
    if (this.count === 0) return undefined
    const rank = part * this.count
    let below = 0
    for (const [i, upper] of BOUNDS.entries()) {
      const here = this.#counts[i]!
      if (here > 0 && below + here >= rank) {
        const lower = BOUNDS[i - 1] ?? 0
        return lower + (upper - lower) * Math.max(0, rank - below) / here
      }
      below += here
    }
    return BOUNDS.at(-1)
  }

  /** How many took at most as long as each of `SCRAPED_BOUNDS`. */
  * cumulative (): Generator<{ bound: number, count: number }> {
    let count = 0
    let next = 0
    for (const [i, bound] of BOUNDS.entries()) {
      count += this.#counts[i]!
      if (bound !== SCRAPED_BOUNDS[next]) continue
      next++
      yield { bound, count }
    }
  }

  /** Adds what another has recorded; or, with -1, takes away what it has recorded before. */
  add (other: Histogram, sign: 1 | -1 = 1): this {
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i]! += sign * other.#counts[i]!
    this.count += sign * other.count
    this.sum += sign * other.sum
    return this
  }
}
