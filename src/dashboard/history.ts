import { Histogram } from './histogram.ts'
import type { Tally } from './tally.ts'

/** What the cache did in one second. Times are in seconds, null where there were none. */
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

interface Totals { misses: number, stale: number, hits: Histogram, loads: Histogram }

/** Seconds that are remembered. */
const KEPT = 120

/** What the cache did in each of the last seconds, as far as plots show it. */
export class History {
  /** Oldest first. */
  readonly samples: Sample[] = []
  readonly #tally: Tally
  readonly #now: () => number
  #before: Totals

  constructor (tally: Tally, now: () => number) {
    this.#tally = tally
    this.#now = now
    this.#before = totalsOf(tally)
  }

  /** To be called once a second. */
  sample (): Sample {
    const before = this.#before
    const totals = totalsOf(this.#tally)
    this.#before = totals
    const hits = new Histogram().add(totals.hits).add(before.hits, -1)
    const loads = new Histogram().add(totals.loads).add(before.loads, -1)
    const sample: Sample = {
      at: this.#now(),
      hits: hits.count,
      misses: totals.misses - before.misses,
      stale: totals.stale - before.stale,
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

function totalsOf ({ keys }: Tally): Totals {
  const totals: Totals = { misses: 0, stale: 0, hits: new Histogram(), loads: new Histogram() }
  for (const [, { hits, misses, stale, loads }] of keys) {
    totals.hits.add(hits)
    totals.loads.add(loads)
    totals.misses += misses.total
    totals.stale += stale
  }
  return totals
}
