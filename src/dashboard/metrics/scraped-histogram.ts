import { Histogram as PrometheusHistogram } from 'prom-client'
import { type Histogram, SCRAPED_BOUNDS } from './histogram.ts'

/** The types do not know what the registry calls. */
const SUPER = PrometheusHistogram.prototype as unknown as { getForPromString: PrometheusHistogram['get'] }

/** Histograms of ours as Prometheus reads them: that of prom-client would count everything once more. */
export class ScrapedHistogram extends PrometheusHistogram {
  readonly #histograms: () => Iterable<[labels: Record<string, string>, Histogram]>
  readonly #name: string

  constructor (name: string, help: string, labelNames: string[], histograms: () => Iterable<[Record<string, string>, Histogram]>) {
    super({ name, help, labelNames, buckets: SCRAPED_BOUNDS, registers: [] })
    this.#name = name
    this.#histograms = histograms
  }

  /** What the registry asks. With no observations of its own, it has a name, a help text and a type. */
  async getForPromString () {
    const own: Awaited<ReturnType<PrometheusHistogram['get']>> = await SUPER.getForPromString.call(this)
    return { ...own, values: [...this.#values()] }
  }

  * #values () {
    const name = this.#name
    for (const [labels, histogram] of this.#histograms()) {
      for (const { bound, count } of histogram.cumulative()) yield { labels: { ...labels, le: bound }, value: count, metricName: `${name}_bucket` }
      yield { labels: { ...labels, le: '+Inf' }, value: histogram.count, metricName: `${name}_bucket` }
      yield { labels, value: histogram.sum, metricName: `${name}_sum` }
      yield { labels, value: histogram.count, metricName: `${name}_count` }
    }
  }
}
