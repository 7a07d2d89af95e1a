import { axis, colour, plot } from './plot.js'
/** @import uPlot from 'uplot' */

/** The plots of the page: the last two minutes. */

/**
 * One second of the cache. Durations are in seconds, null if there were no reads or loads.
 *
 * @typedef {object} Sample
 * @property {number} at milliseconds since 1970
 * @property {number} hits
 * @property {number} misses
 * @property {number} stale
 * @property {number | null} hitP50
 * @property {number | null} hitP99
 * @property {number | null} loadP50
 * @property {number | null} loadP99
 */

const HEIGHT = 180
/** Width of the plots, in seconds. */
const SPAN = 120

/** @param {number} at seconds since 1970 */
const timeOfDay = (at) => new Date(at * 1000).toISOString().slice(11, 19)
const x = () => axis({ size: 32, grid: { show: false }, values: (_, splits) => splits.map(timeOfDay), space: 80 })

const RATES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5]

/** @param {number} time milliseconds */
const powerAbove = (time) => 10 ** Math.ceil(Math.log10(time))
/** @param {number} time milliseconds */
const powerBelow = (time) => 10 ** Math.floor(Math.log10(time))

/** @param {`--${string}`} name @param {object} [more] @returns {uPlot.Series} */
const line = (name, more = {}) => ({ stroke: colour(name), width: 2, ...more })

const DASHED = { dash: [4, 4] }
/** Without points, a second between two seconds without reads would be invisible. */
const DOTS = { points: { show: true, size: 4 } }

/** @param {`--${string}`} name */
const medianAndP99 = (name) => [line(name, DOTS), line(name, { ...DASHED, ...DOTS })]

/** @type {Omit<uPlot.Options, 'width' | 'series' | 'axes' | 'scales'>} */
const LOOK = { height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [12, 32, 4, 0] }

/**
 * @param {HTMLElement} ratePlace
 * @param {HTMLElement} timePlace
 * @returns {(samples: Sample[]) => void} draws
 */
export function plotSamples (ratePlace, timePlace) {
  /** @type {[number, number]} */
  let range = [0, SPAN]
  const scale = { time: false, range: () => range }
  const rates = plot(ratePlace, {
    ...LOOK,
    scales: { x: scale, y: { range: (_, _min, max) => [0, Math.max(max ?? 0, 1) * 1.1] } },
    axes: [x(), axis({ size: 60, incrs: RATES, values: (_, splits) => splits.map((y) => y.toLocaleString('en')) })],
    series: [{}, line('--hit'), line('--miss'), line('--muted', DASHED)]
  }, [[], [], [], []])
  const times = plot(timePlace, {
    ...LOOK,
    scales: {
      x: scale,
      y: {
        distr: 3,
        range: (_, min, max) => [powerBelow(Math.min(min ?? 1, 0.01)), powerAbove(Math.max(max ?? 1, 10))]
      }
    },
    axes: [x(), axis({
      size: 60,
      splits: (_, __, min, max) => powersOfTen(min, max),
      filter: (_, splits) => splits,
      values: (_, splits) => splits.map((y) => y.toLocaleString('en', { maximumFractionDigits: 5 }))
    })],
    series: [{}, ...medianAndP99('--hit'), ...medianAndP99('--miss')]
  }, [[], [], [], [], []])

  return (samples) => {
    const end = (samples.at(-1)?.at ?? Date.now()) / 1000
    range = [end - SPAN, end]
    const at = samples.map((sample) => sample.at / 1000)
    /** @param {'hitP50' | 'hitP99' | 'loadP50' | 'loadP99'} name */
    const ms = (name) => samples.map(({ [name]: time }) => time === null ? null : time * 1000)
    /** @param {'hits' | 'misses' | 'stale'} name */
    const rate = (name) => samples.map(({ [name]: n }) => n)
    rates.setData([at, rate('hits'), rate('misses'), rate('stale')])
    times.setData([at, ms('hitP50'), ms('hitP99'), ms('loadP50'), ms('loadP99')])
  }
}

/**
 * Lists the positions of the grid lines of a logarithmic axis. By default, uPlot draws nine per decade.
 *
 * @param {number} min
 * @param {number} max
 */
function powersOfTen (min, max) {
  const first = Math.round(Math.log10(min))
  return Array.from({ length: Math.round(Math.log10(max)) - first + 1 }, (_, i) => Number(`1e${first + i}`))
}
