import { bodies } from './growth/bodies.ts'
import { entries } from './growth/entries.ts'
import { plot } from './growth/plot.ts'
import type { Point } from './growth/point.ts'
import { tags } from './growth/tags.ts'
import { writePlot, writeResults } from './support/results.ts'
import { formatTable } from './support/table.ts'

/*
 * Measures how the cost of a hit grows with the number of entries in the cache, with the tags of an entry, and with the
 * bytes of a page. Takes about a minute and a half.
 */

interface Section {
  unit: string
  title: string
  measure: () => Promise<Point[]>
  /** Curves that should stay flat, and the ratio to their first figure that no other figure may reach. */
  flat: Record<string, number>
}

const sections: Record<string, Section> = {
  entries: {
    unit: 'µs',
    title: 'Lookup of an entry, by the number of entries in the cache',
    measure: entries,
    flat: { 'one key': 1.5 }
  },
  tags: {
    unit: 'µs',
    title: 'Lookup of an entry, by the number of its tags',
    measure: tags,
    flat: { 'clock in SQLite': 1.5 }
  },
  bodies: { unit: 'µs', title: 'CPU of a hit over HTTP, by the bytes of the body', measure: bodies, flat: {} }
}

const results: Record<string, { unit: string, points: Point[] }> = {}
const table = new Map()
for (const [name, { unit, title, measure, flat }] of Object.entries(sections)) {
  process.stderr.write(`${title} …\n`)
  const points = await measure()
  results[name] = { unit, points }
  table.set(title, points.map(({ curve, at, figure }) => {
    const first = points.find((point) => point.curve === curve)!
    const share = figure / first.figure
    const line = {
      what: `${curve}: ${at.toLocaleString('en')}`,
      figure: `${figure.toFixed(2)} ${unit}`,
      compared: `${share.toFixed(2)} x`
    }
    const limit = flat[curve]
    return limit === undefined || at === first.at ? line : { ...line, target: `< ${limit} x`, met: share < limit }
  }))
}
console.log(formatTable(table, { figure: 'figure', compared: 'of the first', target: 'target', met: 'met' }))
writeResults('growth', results)
const plots = Object.entries(sections).map(([name, { unit, title }]) => {
  return { title, unit, points: results[name]!.points }
})
writePlot('growth.svg', await plot(plots))
