const STEPS = [1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9]
const SCRAPED_STEPS = [1, 2.5, 5]
/** Powers of ten: the bounds range from 10 µs to 90 s. */
const DECADES = [-5, -4, -3, -2, -1, 0, 1]

const listBounds = (steps: number[]) => DECADES.flatMap((decade) => steps.map((step) => Number(`${step}e${decade}`)))

/** Upper bounds of the buckets in seconds, close enough to each other for quantiles. */
const BOUNDS = listBounds(STEPS)
/** The bounds that Prometheus gets. All of them are in `BOUNDS`, so their counts are exact. */
export const SCRAPED_BOUNDS = listBounds(SCRAPED_STEPS)

/** Durations, counted in buckets. Recording one is a binary search among a hundred numbers, and allocates nothing. */
export class Histogram {
  /** One count per bound, and the last for durations above all bounds. */
  readonly #counts = new Float64Array(BOUNDS.length + 1)
  /** The sum of all durations, in seconds. */
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

  /**
   * Estimates a quantile in seconds, by interpolation within a bucket; undefined if nothing is recorded.
   *
   * @param fraction from 0 to 1
   */
  quantile (fraction: number): number | undefined {
    if (this.count === 0) return undefined
    const rank = fraction * this.count
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

  /** Counts the durations up to each of `SCRAPED_BOUNDS`. */
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

  /**
   * Adds the durations of another histogram.
   *
   * @param sign -1 subtracts them instead, e.g. to get the durations since an earlier copy
   */
  add (other: Histogram, sign: 1 | -1 = 1): this {
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i]! += sign * other.#counts[i]!
    this.count += sign * other.count
    this.sum += sign * other.sum
    return this
  }
}
