import { Histogram } from '../../metrics/histogram.ts'
import type { CacheStats, Totals } from '../../metrics/stats.ts'

/** Rates per second, and quantiles in seconds (null if there were no reads or loads). */
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

/** The number of seconds that are stored. */
const MAX_SAMPLES = 120

/** A sample of the cache for each of the last seconds. The plots of the dashboard show them. */
export class TimeSeries {
  /** Oldest first. */
  readonly samples: Sample[] = []
  readonly #stats: CacheStats
  #previous: Totals
  #at: number

  constructor (stats: CacheStats) {
    this.#stats = stats
    this.#previous = stats.totals()
    this.#at = stats.cache.now()
  }

  /** Adds a sample. Call it once a second. */
  sample (): Sample {
    const previous = this.#previous
    const totals = this.#stats.totals()
    this.#previous = totals
    const at = this.#stats.cache.now()
    // The call is late if the process was busy.
    const passed = Math.max(1, Math.round((at - this.#at) / 1000))
    this.#at = at
    const hits = new Histogram().add(totals.hits).add(previous.hits, -1)
    const loads = new Histogram().add(totals.loads).add(previous.loads, -1)
    const sample: Sample = {
      at,
      hits: hits.count / passed,
      misses: (totals.misses - previous.misses) / passed,
      stale: (totals.stale - previous.stale) / passed,
      hitP50: hits.quantile(0.5) ?? null,
      hitP99: hits.quantile(0.99) ?? null,
      loadP50: loads.quantile(0.5) ?? null,
      loadP99: loads.quantile(0.99) ?? null
    }
    this.samples.push(sample)
    if (this.samples.length > MAX_SAMPLES) this.samples.shift()
    return sample
  }
}
