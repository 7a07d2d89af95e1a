/** A metric as prom-client has it in JSON. */
export interface MetricJson {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly aggregator?: string
  readonly values: readonly SampleJson[]
}

interface SampleJson {
  readonly value: number
  readonly labels: object
  readonly metricName?: string
}

/**
 * The metrics of all workers as of their last scrape. The counts of workers that have ended are added up, so that a sum
 * never falls when a worker is replaced. It lacks what such a worker counted after its last scrape.
 */
export class MetricsArchive {
  readonly #last = new Map<number, readonly MetricJson[]>()
  readonly #ended = new Map<string, { metric: MetricJson, values: Map<string, SampleJson> }>()

  /** @param worker its number */
  record (worker: number, metrics: readonly MetricJson[]): void {
    this.#last.set(worker, metrics)
  }

  /** Adds the counts of a worker to those of the workers that have ended. */
  end (worker: number): void {
    for (const metric of this.#last.get(worker) ?? []) {
      if (metric.type === 'gauge') continue
      const { name } = metric
      const ended = this.#ended.get(name) ?? { metric: { ...metric, values: [] }, values: new Map() }
      this.#ended.set(name, ended)
      for (const sample of metric.values) {
        const key = JSON.stringify([sample.metricName, Object.entries(sample.labels).sort()])
        ended.values.set(key, { ...sample, value: (ended.values.get(key)?.value ?? 0) + sample.value })
      }
    }
    this.#last.delete(worker)
  }

  /** Returns the metrics of each worker, then the counts of those that have ended. */
  list (): Array<readonly MetricJson[]> {
    const ended = Array.from(this.#ended.values(),
      ({ metric, values }) => ({ ...metric, values: [...values.values()] }))
    return [...this.#last.values(), ended]
  }
}
