import { bodies } from './growth/bodies.ts'
import { entries } from './growth/entries.ts'
import { plot } from './growth/plot.ts'
import type { Point } from './growth/point.ts'
import { tags } from './growth/tags.ts'
import { writePlot, writeResults } from './support/results.ts'
import { tableOf } from './support/table.ts'

/**
 * How the cost of a hit grows: with the entries in the cache, with the tags of an entry, and with the bytes of a page. Takes
 * about a minute and a half.
 */

interface Section {
  unit: string
  of: string
  measure: () => Promise<Point[]>
  /** Curves that are to stay flat: the share of their first figure below which all others are. */
  flat: Record<string, number>
}

const sections: Record<string, Section> = {
  entries: { unit: 'µs', of: 'Look-up of an entry, by the number of entries in the cache', measure: entries, flat: { 'one key': 1.5 } },
  tags: { unit: 'µs', of: 'Look-up of an entry, by the number of its tags', measure: tags, flat: { 'clock in SQLite': 1.5 } },
  bodies: { unit: 'µs', of: 'CPU of a hit over HTTP, by the bytes of the body', measure: bodies, flat: {} }
}

const results: Record<string, { unit: string, points: Point[] }> = {}
const table = new Map()
for (const [name, { unit, of, measure, flat }] of Object.entries(sections)) {
  process.stderr.write(`${of} …\n`)
  const points = await measure()
  results[name] = { unit, points }
  table.set(of, points.map(({ curve, at, figure }) => {
    const first = points.find((point) => point.curve === curve)!
    const share = figure / first.figure
    const line = { what: `${curve}: ${at.toLocaleString('en')}`, figure: `${figure.toFixed(2)} ${unit}`, compared: `${share.toFixed(2)} x` }
    const limit = flat[curve]
    return limit === undefined || at === first.at ? line : { ...line, target: `< ${limit} x`, met: share < limit }
  }))
}
console.log(tableOf(table, { figure: 'figure', compared: 'of the first', target: 'target', met: 'met' }))
writeResults('growth', results)
const svg = await plot(Object.entries(sections).map(([name, { unit, of }]) => ({ title: of, unit, points: results[name]!.points })))
if (svg === undefined) process.stderr.write('bench/growth.svg is not drawn: echarts is not installed in bench/peers\n')
else writePlot('growth.svg', svg)
