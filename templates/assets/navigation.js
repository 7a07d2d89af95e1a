/**
 * The source of the page: made for this request, the page cache, or the browser, which then sent no request. Unknown if
 * the browser does not expose it.
 *
 * @typedef {'miss' | 'hit' | 'browser' | 'unknown'} Source
 */

/**
 * One load of the page. Times are in milliseconds.
 *
 * @typedef {object} Arrival
 * @property {number} at since 1970
 * @property {Source} from
 * @property {number | null} served time in the service, as the service reports it
 * @property {number} reached from the request to the last byte
 */

/** @returns {Arrival | undefined} `undefined` in a browser that does not measure */
export function getArrival () {
  const [entry] = performance.getEntriesByType('navigation')
  if (!(entry instanceof PerformanceNavigationTiming)) return undefined
  const at = Math.round(performance.timeOrigin)
  const reached = Math.max(0, entry.responseEnd - entry.requestStart)
  // Nothing was transferred, so the headers are those of an earlier load.
  if (entry.transferSize === 0) return { at, from: 'browser', served: null, reached }
  // Browsers expose Server-Timing only in a secure context: over HTTPS, or on this machine.
  const timing = entry.serverTiming?.find(({ name }) => name === 'cache')
  const from = timing?.description
  return { at, from: from === 'hit' || from === 'miss' ? from : 'unknown', served: timing?.duration ?? null, reached }
}
