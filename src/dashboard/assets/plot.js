import UPlot from './vendor/uPlot.esm.js'

/* Shared parts of the plots: the colours, width and font of the page. */

/**
 * Returns a function that reads a colour of the stylesheet. It runs at each drawing, because dark mode changes it.
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
  const grid = { stroke: colour('--line'), width: 1 }
  return { stroke: colour('--muted'), font: font(12), grid, ticks: { show: false }, ...options }
}

/**
 * Draws into an element, and again whenever its width or the colour scheme changes.
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
