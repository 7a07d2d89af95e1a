import UPlot from './vendor/uPlot.esm.js'

/** What plots have in common: colours of the page, its width, its font. */

/**
 * A colour of the stylesheet, looked up at each drawing: it is another one in the dark.
 *
 * @param {`--${string}`} name
 */
export function colour (name) {
  return () => getComputedStyle(document.documentElement).getPropertyValue(name)
}

/** @param {number} size in CSS pixels */
export const font = (size) => `${size}px system-ui, sans-serif`

/**
 * @param {UPlot.Axis} options
 * @returns {UPlot.Axis}
 */
export function axis (options) {
  return { stroke: colour('--muted'), font: font(12), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false }, ...options }
}

/**
 * Draws into an element, as wide as it is, whenever its width or the colours change.
 *
 * @param {HTMLElement} element
 * @param {Omit<UPlot.Options, 'width'>} options
 * @param {UPlot.AlignedData} data
 */
export function plot (element, options, data) {
  const { height } = options
  const chart = new UPlot({ ...options, width: element.clientWidth }, data, element)
  new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height })).observe(element)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => chart.redraw())
  return chart
}

export const { bars } = /** @type {Required<UPlot.Series.PathBuilderFactories>} */ (UPlot.paths)
