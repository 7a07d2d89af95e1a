import { Histogram } from '../metrics/histogram.ts'
import type { CacheStats, Totals } from '../metrics/stats.ts'

/** What the caches did, in numbers a second. Times are in seconds, null where there were none. */
export interface Sample {
  /** Milliseconds since 1970. */
  at: number
  hits: number
  misses: number
  stale: number
  hitP50: number | null
  hitP99: number | null
  loadP50: number | null
  loadP99: number | null
}

/** Seconds that are remembered. */
const KEPT = 120

/** What the cache did in each of the last seconds, as far as plots show it. */
export class TimeSeries {
  /** Oldest first. */
  readonly samples: Sample[] = []
  readonly #tally: CacheStats
  readonly #now: () => number
  #before: Totals
  #at: number

  constructor (tally: CacheStats, now: () => number) {
    this.#tally = tally
    this.#now = now
    this.#before = tally.totals()
    this.#at = now()
  }

  /** To be called once a second. */
  sample (): Sample {
    const before = this.#before
    const totals = this.#tally.totals()
    this.#before = totals
    const at = this.#now()
    // A process that stands still for a while comes late.
    const passed = Math.max(1, Math.round((at - this.#at) / 1000))
    this.#at = at
    const hits = new Histogram().add(totals.hits).add(before.hits, -1)
    const loads = new Histogram().add(totals.loads).add(before.loads, -1)
    const sample: Sample = {
      at,
      hits: hits.count / passed,
      misses: (totals.misses - before.misses) / passed,
      stale: (totals.stale - before.stale) / passed,
      hitP50: hits.quantile(0.5) ?? null,
      hitP99: hits.quantile(0.99) ?? null,
      loadP50: loads.quantile(0.5) ?? null,
      loadP99: loads.quantile(0.99) ?? null
    }
    this.samples.push(sample)
    if (this.samples.length > KEPT) this.samples.shift()
    return sample
  }
}
