/**
 * Where the page came from: made for this request, from the page cache, kept by the browser (which then asked nobody),
 * or the browser does not tell.
 *
 * @typedef {'miss' | 'hit' | 'browser' | 'unknown'} Source
 */

/**
 * How the page came here. Times in milliseconds.
 *
 * @typedef {object} Arrival
 * @property {number} at since 1970
 * @property {Source} from
 * @property {number | null} served in the service, of what it says itself
 * @property {number} reached from asking for the page to its last byte
 */

/** @returns {Arrival | undefined} undefined in a browser that does not measure */
export function arrival () {
  const [entry] = performance.getEntriesByType('navigation')
  if (!(entry instanceof PerformanceNavigationTiming)) return undefined
  const at = Math.round(performance.timeOrigin)
  const reached = Math.max(0, entry.responseEnd - entry.requestStart)
  // Nothing came over the network, so what the header fields tell is of another time.
  if (entry.transferSize === 0) return { at, from: 'browser', served: null, reached }
  // Browsers show Server-Timing in a secure context only: over HTTPS, or on this machine.
  const timing = entry.serverTiming?.find(({ name }) => name === 'cache')
  const from = timing?.description
  return { at, from: from === 'hit' || from === 'miss' ? from : 'unknown', served: timing?.duration ?? null, reached }
}
