import { element } from './element.js'
import { morph, parsed } from './morph.js'
/** @import { Sample } from './cache-plots.js' */

/** Keeps /cache up to date, for as long as the service tells what happens. */

/** Seconds that are plotted. */
const KEPT = 120

/** @type {Sample[]} */
let samples = []
/** @type {{ draw?: (samples: Sample[]) => void }} */
const plots = {}

const state = element('#live')

/** @param {string} text */
function tell (text) {
  if (state.textContent !== text) state.textContent = text
}

/** @param {MessageEvent<string>} message */
function show (message) {
  const news = /** @type {{ html: string, samples: Sample[] }} */ (JSON.parse(message.data))
  if (message.type === 'start') samples = []
  samples = [...samples, ...news.samples].slice(-KEPT)
  morph(element('#figures'), parsed(news.html))
  if (news.samples.length > 0) plots.draw?.(samples)
  tell('Live')
}

const events = new EventSource('/cache/events')
events.addEventListener('start', show)
events.addEventListener('news', show)
events.addEventListener('error', () => {
  tell(events.readyState === EventSource.CLOSED ? 'Not live: reload to see more' : 'Not live, trying again')
})

element('#plots').hidden = false
const { plotSamples } = await import('./cache-plots.js')
plots.draw = plotSamples(element('#rates'), element('#times'))
plots.draw(samples)
