import { chart } from '../support/charts.ts'
import type { Point } from './point.ts'

const COLOURS = ['#1a7f5a', '#2f6fb0', '#c9a227']
const HEIGHT = 260

interface Section { title: string, unit: string, points: readonly Point[] }

/** Draws a plot for each section, on logarithmic scales. Returns `undefined` if ECharts is not installed. */
export async function plot (sections: readonly Section[]): Promise<string | undefined> {
  const top = (i: number) => 60 + i * (HEIGHT + 90)
  return await chart({
    color: COLOURS,
    title: sections.map(({ title, unit }, i) => {
      return { text: `${title}, in ${unit}`, left: 'center', top: top(i) - 50, textStyle: { fontSize: 14 } }
    }),
    grid: sections.map((_, i) => ({ left: 70, right: 190, top: top(i), height: HEIGHT - 20 })),
    xAxis: sections.map((_, i) => ({ type: 'log', gridIndex: i })),
    yAxis: sections.map((_, i) => ({ type: 'log', gridIndex: i })),
    series: sections.flatMap(({ points }, i) => [...new Set(points.map(({ curve }) => curve))].map((curve) => ({
      type: 'line',
      xAxisIndex: i,
      yAxisIndex: i,
      endLabel: { show: true, formatter: curve },
      data: points.filter((point) => point.curve === curve).map(({ at, figure }) => [at, figure])
    })))
  }, 900, top(sections.length) - 20)
}
