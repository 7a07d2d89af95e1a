import { LIMIT } from './loads.js'
import { milliseconds } from './milliseconds.js'
import { axis, colour, font, plot } from './plot.js'
import UPlot from './vendor/uPlot.esm.js'
/** @import uPlot from 'uplot' */
/** @import { Arrival, Source } from './navigation.js' */

/* The bar chart of /apicalls: one bar for each of the last loads, the newest on the right. Its height is its time. */

const { bars } = /** @type {Required<UPlot.Series.PathBuilderFactories>} */ (UPlot.paths)

const HEIGHT = 200
/** Minimum height of a bar, as a share of the chart. A lower bar would be invisible. */
const MIN_HEIGHT = 0.015

/** @type {[Source[], `--${string}`][]} */
const COLOURS = [[['miss'], '--miss'], [['hit'], '--hit'], [['browser', 'unknown'], '--muted']]

/**
 * @param {HTMLElement} container
 * @param {Arrival[]} loads oldest first
 * @param {number} made milliseconds that making the page took. The scale includes it, or hits alone would look slow.
 */
export function plotLoads (container, loads, made) {
  const top = Math.max(made, ...loads.map(({ reached }) => reached)) * 1.15
  const column = (/** @type {number} */ i) => i - loads.length + 1 // 0 for the newest
  const columns = Array.from({ length: LIMIT }, (_, i) => i - LIMIT + 1)
  const series = COLOURS.map(([sources]) => columns.map((x) => {
    const load = loads[x + loads.length - 1]
    return load !== undefined && sources.includes(load.from) ? Math.max(load.reached, top * MIN_HEIGHT) : null
  }))

  const times = loads.map(({ reached }) => milliseconds(reached)).join(', ')
  container.setAttribute('aria-label', `Bars of the last loads, oldest first, in milliseconds: ${times}`)
  plot(container, {
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 12, 0, 0],
    scales: { x: { time: false, range: [0.5 - LIMIT, 0.5] }, y: { range: [0, top] } },
    axes: [
      axis({
        size: 28,
        grid: { show: false },
        splits: () => [-15, -10, -5, 0],
        values: (_, splits) => splits.map((x) => x === 0 ? 'now' : `−${-x}`)
      }),
      axis({ size: 44, values: (_, splits) => splits.map((y) => y.toLocaleString('en')) })
    ],
    series: [{}, ...COLOURS.map(([, name]) => {
      return { fill: colour(name), width: 0, points: { show: false }, paths: bars({ size: [0.7, 48], radius: 0.1 }) }
    })],
    hooks: { draw: [(chart) => { drawMade(chart, made); drawTimes(chart, loads, column, top) }] }
  }, /** @type {uPlot.AlignedData} */ ([columns, ...series]))
}

/**
 * Draws a dashed line at the time that making the page took.
 *
 * @param {uPlot} chart
 * @param {number} made
 */
function drawMade ({ ctx, bbox, valToPos }, made) {
  const y = Math.round(valToPos(made, 'y', true))
  ctx.save()
  ctx.strokeStyle = colour('--miss')()
  ctx.lineWidth = devicePixelRatio
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio])
  ctx.beginPath()
  ctx.moveTo(bbox.left, y)
  ctx.lineTo(bbox.left + bbox.width, y)
  ctx.stroke()
  ctx.restore()
}

/**
 * Draws the time above each bar, if there is room for it.
 *
 * @param {uPlot} chart
 * @param {Arrival[]} loads
 * @param {(i: number) => number} column
 * @param {number} top
 */
function drawTimes ({ ctx, bbox, valToPos }, loads, column, top) {
  ctx.save()
  ctx.font = font(12 * devicePixelRatio)
  ctx.fillStyle = colour('--text')()
  ctx.textAlign = 'center'
  ctx.textBaseline = 'bottom'
  loads.forEach(({ reached }, i) => {
    const text = milliseconds(reached)
    if (ctx.measureText(text).width > bbox.width / LIMIT) return
    const y = valToPos(Math.max(reached, top * MIN_HEIGHT), 'y', true) - 3 * devicePixelRatio
    ctx.fillText(text, valToPos(column(i), 'x', true), y)
  })
  ctx.restore()
}
