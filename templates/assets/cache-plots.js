import { axis, colour, plot } from './plot.js'
/** @import uPlot from 'uplot' */

/** The plots of /cache: what the last two minutes did. */

/**
 * What the cache did in one second. Times are in seconds, null where there were none.
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
/** Seconds. */
const SPAN = 120

const x = () => axis({ size: 28, grid: { show: false }, values: (_, splits) => splits.map((at) => new Date(at * 1000).toISOString().slice(11, 19)), space: 80 })

/** @param {`--${string}`} name @param {object} [more] @returns {uPlot.Series} */
const line = (name, more = {}) => ({ stroke: colour(name), width: 2, ...more })

const DASHED = { dash: [4, 4] }
/** A second between two in which nothing happened would not be seen. */
const DOTS = { points: { show: true, size: 4 } }

/** @type {Omit<uPlot.Options, 'width' | 'series' | 'axes' | 'scales'>} */
const LOOK = { height: HEIGHT, legend: { show: false }, cursor: { show: false }, padding: [8, 12, 0, 0] }

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
    axes: [x(), axis({ size: 52, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5], values: (_, splits) => splits.map((y) => y.toLocaleString('en')) })],
    series: [{}, line('--hit'), line('--miss'), line('--muted', DASHED)]
  }, [[], [], [], []])
  const times = plot(timePlace, {
    ...LOOK,
    scales: { x: scale, y: { distr: 3, range: (_, min, max) => [10 ** Math.floor(Math.log10(Math.min(min ?? 1, 0.01))), 10 ** Math.ceil(Math.log10(Math.max(max ?? 1, 10)))] } },
    axes: [x(), axis({ size: 52, splits: (_, __, min, max) => powersOfTen(min, max), filter: (_, splits) => splits, values: (_, splits) => splits.map((y) => y.toLocaleString('en', { maximumFractionDigits: 5 })) })],
    series: [{}, line('--hit', DOTS), line('--hit', { ...DASHED, ...DOTS }), line('--miss', DOTS), line('--miss', { ...DASHED, ...DOTS })]
  }, [[], [], [], [], []])

  return (samples) => {
    const end = (samples.at(-1)?.at ?? Date.now()) / 1000
    range = [end - SPAN, end]
    const at = samples.map((sample) => sample.at / 1000)
    /** @param {'hitP50' | 'hitP99' | 'loadP50' | 'loadP99'} name */
    const ms = (name) => samples.map(({ [name]: time }) => time === null ? null : time * 1000)
    rates.setData([at, samples.map(({ hits }) => hits), samples.map(({ misses }) => misses), samples.map(({ stale }) => stale)])
    times.setData([at, ms('hitP50'), ms('hitP99'), ms('loadP50'), ms('loadP99')])
  }
}

/**
 * Where the lines of a logarithmic axis are: uPlot would draw nine to a decade.
 *
 * @param {number} min
 * @param {number} max
 */
function powersOfTen (min, max) {
  const first = Math.round(Math.log10(min))
  return Array.from({ length: Math.round(Math.log10(max)) - first + 1 }, (_, i) => Number(`1e${first + i}`))
}
