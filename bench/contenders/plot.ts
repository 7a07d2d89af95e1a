import { chart } from '../support/charts.ts'
import type { Result } from './lines.ts'
import { GROUPS } from './list.ts'

const COLOURS: Record<Result['by'], string> = { ours: '#1a7f5a', peer: '#8a94a6', bare: '#c9a227' }
const NAMES: Record<Result['by'], string> = { ours: 'Larder', peer: 'other caches', bare: 'no cache' }

/** Draws a bar for each contender, group by group. Returns `undefined` if ECharts is not installed. */
export async function plot (results: readonly Result[]): Promise<string | undefined> {
  const measured = results.filter(({ figures }) => figures !== undefined)
  const rows = measured.map(({ group, name }) => `${GROUPS[group]}: ${name}`)
  const series = (Object.keys(COLOURS) as Array<Result['by']>).map((by) => ({
    name: NAMES[by],
    type: 'bar',
    stack: 'hits',
    itemStyle: { color: COLOURS[by] },
    label: { show: true, position: 'insideRight', formatter: formatHits },
    data: measured.map((result) => result.by === by ? result.figures!.hits : '-')
  }))
  return await chart({
    title: { text: 'Hits per second', left: 'center' },
    legend: { top: 34, itemGap: 40 },
    grid: { left: 330, right: 30, top: 70, bottom: 30 },
    xAxis: { type: 'value' },
    yAxis: { type: 'category', inverse: true, data: rows },
    series
  }, 900, 100 + 24 * rows.length)
}

function formatHits ({ value }: { value: number | string }): string {
  return value === '-' ? '' : Math.round(Number(value)).toLocaleString('en')
}
