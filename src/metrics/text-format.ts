import type { Histogram } from './histogram.ts'

export type Labels = Readonly<Record<string, string>>

/** A metric, read at each scrape. */
export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** One sentence, in one line. */
  readonly help: string
  /** A number for each set of labels; for type `histogram`, a histogram. */
  readonly samples: () => Iterable<[labels: Labels, value: number | Histogram]>
}

/** Writes metrics in the text format of Prometheus, version 0.0.4. */
export function formatMetrics (metrics: readonly Metric[]): string {
  return metrics.map(formatMetric).join('')
}

function formatMetric ({ name, type, help, samples }: Metric): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
  for (const [labels, value] of samples()) {
    text += typeof value === 'number' ? formatSample(name, labels, value) : formatHistogram(name, labels, value)
  }
  return `${text}\n`
}

function formatHistogram (name: string, labels: Labels, histogram: Histogram): string {
  let text = ''
  for (const { bound, count } of histogram.cumulative()) {
    text += formatSample(`${name}_bucket`, { ...labels, le: String(bound) }, count)
  }
  return text +
    formatSample(`${name}_bucket`, { ...labels, le: '+Inf' }, histogram.count) +
    formatSample(`${name}_sum`, labels, histogram.sum) +
    formatSample(`${name}_count`, labels, histogram.count)
}

function formatSample (name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeValue(text)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join()}}`} ${value}\n`
}

function escapeValue (text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
