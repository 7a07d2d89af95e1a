import { OptionError } from '../cache/index.ts'
import type { Metric } from './definitions.ts'

/** A figure of the application, which the dashboard and the metrics show beside their own. */
export interface Gauge {
  /** Text on the dashboard, e.g. `Jobs waiting`. */
  readonly label: string
  /** Name of the metric, e.g. `shop_jobs_waiting`. If it ends in `_total`, it is a counter, which only grows. */
  readonly name: string
  /** One sentence about the metric, in one line. */
  readonly help: string
  /** How the dashboard formats the figure; a `ratio` is from 0 to 1. Default `count`. */
  readonly unit?: 'count' | 'seconds' | 'bytes' | 'ratio'
  /** Returns the figure, or undefined if there is none now. The dashboard calls it each second, a scrape once. */
  readonly read: () => number | undefined
}

const UNITS: ReadonlyArray<Gauge['unit']> = [undefined, 'count', 'seconds', 'bytes', 'ratio']
const EXAMPLE = "such as [{ label: 'Jobs waiting', name: 'shop_jobs_waiting', help: 'Jobs.', read: () => jobs.length }]"

/** Checks the option `gauges`. */
export function checkGauges (gauges: unknown): void {
  if (!Array.isArray(gauges) || !gauges.every(isGauge)) {
    throw new OptionError(`The option gauges must be a list of figures with functions that read them, ${EXAMPLE}.`)
  }
}

function isGauge (gauge: Partial<Record<keyof Gauge, unknown>> | null): boolean {
  const { label, name, help, unit, read } = gauge ?? {}
  return typeof label === 'string' && typeof name === 'string' && /^[a-zA-Z_:][\w:]*$/.test(name) &&
    typeof help === 'string' && UNITS.includes(unit as Gauge['unit']) && typeof read === 'function'
}

/** Reads a figure. One that cannot be read is missing, and does not fail the others. */
export function readGauge ({ read }: Gauge): number | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Makes the metric of a figure. */
export function createMetric (gauge: Gauge): Metric {
  const { name, help } = gauge
  return {
    name,
    // By the convention of Prometheus. Only a counter goes on when one of several processes is replaced.
    type: name.endsWith('_total') ? 'counter' : 'gauge',
    help,
    read: () => {
      const value = readGauge(gauge)
      return value === undefined ? [] : [[{}, value]]
    }
  }
}
