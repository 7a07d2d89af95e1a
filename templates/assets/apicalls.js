import { element } from './element.js'
import { remember } from './loads.js'
import { milliseconds } from './milliseconds.js'
import { getArrival } from './navigation.js'
/** @import { Arrival, Source } from './navigation.js' */

/* Shows on /apicalls how long this load of the page took, and the last ones, and who responded. */

/**
 * By the source of a page: what the page cache did, and the name of the source.
 *
 * @type {Record<Source, [string, string]>}
 */
const LABELS = {
  miss: ['miss', 'made for you'],
  hit: ['hit', 'page cache'],
  browser: ['not requested', 'your browser'],
  unknown: ['unknown', 'unknown']
}

/**
 * @param {Arrival} load
 * @param {number} made milliseconds that making the page took
 */
function explain ({ from, reached }, made) {
  switch (from) {
    case 'miss':
      return 'The page cache had no response, so you waited while it was made. Reload: the next load is a hit.'
    case 'browser':
      return 'Your browser had stored the page and sent no request. Reload sends one.'
    case 'unknown':
      return 'Your browser hides what the page cache did, except over HTTPS and on the machine of the service.'
    case 'hit':
      if (reached >= made) return 'The page cache had it.'
      return `The page cache had it: ${milliseconds(made / Math.max(reached, 0.1))} times faster than a miss.`
  }
}

/**
 * @param {string} id
 * @param {string} text
 */
function show (id, text) {
  const target = element(`#${id}`)
  target.textContent = text
  const hidden = target.closest('[hidden]')
  if (hidden instanceof HTMLElement) hidden.hidden = false
}

/** @param {Arrival} load */
function createRow ({ at, from, served, reached }) {
  const row = document.createElement('tr')
  const time = new Date(at).toISOString().slice(11, 19)
  const cells = [time, LABELS[from][1], served === null ? '–' : milliseconds(served), milliseconds(reached)]
  cells.forEach((text, column) => {
    const cell = row.insertCell()
    cell.textContent = text
    if (column > 1) cell.className = 'number'
  })
  return row
}

// For a link to the open page, a browser may use its own copy; a reload always sends a request. This runs before
// anything is awaited, so that it holds for an early click too.
element('#reload').addEventListener('click', (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  location.reload()
})

const load = getArrival()
if (load !== undefined) {
  const made = Number(element('#made').getAttribute('value'))
  show('reached', `${milliseconds(load.reached)} ms`)
  show('cache', LABELS[load.from][0])
  if (load.served !== null) show('served', `${milliseconds(load.served)} ms`)
  show('verdict', explain(load, made))

  const loads = remember(load)
  element('#loads tbody').replaceChildren(...loads.toReversed().map(createRow))
  element('#loads').hidden = false
  // The figures are shown before the code that draws is loaded.
  const { plotLoads } = await import('./loads-plot.js')
  plotLoads(element('#loads .plot'), loads, made)
}
