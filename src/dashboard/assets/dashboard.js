import { element } from './element.js'
import { morph, parseHtml } from './morph.js'
/** @import { Sample } from './plots.js' */

/** Updates the page while the application sends events. */

/** The number of seconds in the plots. */
const MAX_SAMPLES = 120

/** @type {Sample[]} */
let samples = []
/** @type {{ draw?: (samples: Sample[]) => void }} */
const plots = {}

const state = element('#live')

/** @param {string} text */
function setState (text) {
  if (state.textContent !== text) state.textContent = text
}

/** @param {MessageEvent<string>} message */
function update (message) {
  const { html, samples: added } = /** @type {{ html: string, samples: Sample[] }} */ (JSON.parse(message.data))
  if (message.type === 'start') samples = []
  samples = [...samples, ...added].slice(-MAX_SAMPLES)
  morph(element('#figures'), parseHtml(html))
  if (added.length > 0) plots.draw?.(samples)
  setState('Live')
}

const events = new EventSource(new URL('../events', import.meta.url))
events.addEventListener('start', update)
events.addEventListener('update', update)
events.addEventListener('error', () => {
  setState(events.readyState === EventSource.CLOSED ? 'Not live: reload the page to retry' : 'Not live, reconnecting')
})

element('#plots').hidden = false
const { plotSamples } = await import('./plots.js')
plots.draw = plotSamples(element('#rates'), element('#times'))
plots.draw(samples)
