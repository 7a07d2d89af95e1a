import { LIMIT } from './loads.js'
import { milliseconds } from './milliseconds.js'
import { axis, bars, colour, font, plot } from './plot.js'
/** @import uPlot from 'uplot' */
/** @import { Arrival, Source } from './navigation.js' */

/** The bars of /apicalls: one for each of the last loads, the newest on the right, as high as it took long. */

const HEIGHT = 200
/** Of the height: a bar that would be lower could not be seen. */
const LEAST = 0.015

/** @type {[Source[], `--${string}`][]} */
const COLOURS = [[['miss'], '--miss'], [['hit'], '--hit'], [['browser', 'unknown'], '--muted']]

/**
 * @param {HTMLElement} place
 * @param {Arrival[]} loads oldest first
 * @param {number} made milliseconds that the answer took to make: the scale holds it, or warm loads alone would look slow
 */
export function plotLoads (place, loads, made) {
  const top = Math.max(made, ...loads.map(({ reached }) => reached)) * 1.15
  const column = (/** @type {number} */ i) => i - loads.length + 1 // of the newest: 0
  const columns = Array.from({ length: LIMIT }, (_, i) => i - LIMIT + 1)
  const series = COLOURS.map(([sources]) => columns.map((x) => {
    const load = loads[x + loads.length - 1]
    return load !== undefined && sources.includes(load.from) ? Math.max(load.reached, top * LEAST) : null
  }))

  place.setAttribute('aria-label', `Bars of the last loads, oldest first, in milliseconds: ${loads.map(({ reached }) => milliseconds(reached)).join(', ')}`)
  plot(place, {
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 12, 0, 0],
    scales: { x: { time: false, range: [0.5 - LIMIT, 0.5] }, y: { range: [0, top] } },
    axes: [
      axis({ size: 28, grid: { show: false }, splits: () => [-15, -10, -5, 0], values: (_, splits) => splits.map((x) => x === 0 ? 'now' : `−${-x}`) }),
      axis({ size: 44, values: (_, splits) => splits.map((y) => y.toLocaleString('en')) })
    ],
    series: [{}, ...COLOURS.map(([, name]) => ({ fill: colour(name), width: 0, points: { show: false }, paths: bars({ size: [0.7, 48], radius: 0.1 }) }))],
    hooks: { draw: [(chart) => { drawMade(chart, made); drawTimes(chart, loads, column, top) }] }
  }, /** @type {uPlot.AlignedData} */ ([columns, ...series]))
}

/**
 * A dashed line where a bar ends that waits for the answer to be made.
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
 * The time above each bar, where there is room for it.
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
    const y = valToPos(Math.max(reached, top * LEAST), 'y', true) - 3 * devicePixelRatio
    ctx.fillText(text, valToPos(column(i), 'x', true), y)
  })
  ctx.restore()
}
