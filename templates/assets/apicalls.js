import { element } from './element.js'
import { remember } from './loads.js'
import { milliseconds } from './milliseconds.js'
import { arrival } from './navigation.js'
/** @import { Arrival, Source } from './navigation.js' */

/** Shows on /apicalls how this load of the page came here, and how the last ones did. */

/**
 * What the page cache did, and where the page came from.
 *
 * @type {Record<Source, [string, string]>}
 */
const WORDS = {
  miss: ['miss', 'made for you'],
  hit: ['hit', 'page cache'],
  browser: ['not asked', 'your browser'],
  unknown: ['not told', 'not told']
}

/**
 * @param {Arrival} load
 * @param {number} made milliseconds that the answer took to make
 */
function verdictOn ({ from, reached }, made) {
  switch (from) {
    case 'miss': return 'The page cache did not have it, so you waited while it was made. Reload: the next one is there at once.'
    case 'browser': return 'Your browser had kept the page and asked nobody. Reload makes it ask.'
    case 'unknown': return 'Your browser does not tell what the page cache did: it does so over HTTPS, and on the machine of the service.'
    case 'hit': return reached < made
      ? `The page cache had it: you waited ${milliseconds(made / Math.max(reached, 0.1))} times less than it took to make.`
      : 'The page cache had it.'
  }
}

/**
 * @param {string} id
 * @param {string} text
 */
function show (id, text) {
  const place = element(`#${id}`)
  place.textContent = text
  const hidden = place.closest('[hidden]')
  if (hidden instanceof HTMLElement) hidden.hidden = false
}

/** @param {Arrival} load */
function rowOf ({ at, from, served, reached }) {
  const row = document.createElement('tr')
  const cells = [new Date(at).toISOString().slice(11, 19), WORDS[from][1], served === null ? '–' : milliseconds(served), milliseconds(reached)]
  cells.forEach((text, column) => {
    const cell = row.insertCell()
    cell.textContent = text
    if (column > 1) cell.className = 'number'
  })
  return row
}

// A link to the page that is open may be answered by the browser itself; a reload is not. Before all
// that is waited for: who clicks at once is answered by the service, too.
element('#reload').addEventListener('click', (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  location.reload()
})

const load = arrival()
if (load !== undefined) {
  const made = Number(element('#made').getAttribute('value'))
  show('reached', `${milliseconds(load.reached)} ms`)
  show('cache', WORDS[load.from][0])
  if (load.served !== null) show('served', `${milliseconds(load.served)} ms`)
  show('verdict', verdictOn(load, made))

  const loads = remember(load)
  element('#loads tbody').replaceChildren(...loads.toReversed().map(rowOf))
  element('#loads').hidden = false
  // The figures do not wait for what draws them.
  const { plotLoads } = await import('./loads-plot.js')
  plotLoads(element('#loads .plot'), loads, made)
}
