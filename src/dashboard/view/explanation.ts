import type { Explained } from '../explain.ts'
import { html, type Html } from './html.ts'
import { renderTable, renderTime } from './table.ts'

type Key = NonNullable<Explained['key']>
type Stored = NonNullable<Explained['page'] | Explained['entry']>

/** Renders the explanation of a request or a key. */
export function renderExplanation ({ route, key, page, entry, outcome }: Explained): Html {
  const stored = page ?? entry
  return html`
<div class="explanation" id="answer">
  <p><strong>${outcome.rule}</strong></p>
  <dl class="pairs">
    ${outcome.cacheStatus !== undefined && html`<dt>Cache-Status</dt><dd><code>${outcome.cacheStatus}</code></dd>`}
    ${outcome.runsHandler !== undefined && html`<dt>Runs the handler</dt><dd>${yesOrNo(outcome.runsHandler)}</dd>`}
    ${route !== undefined && html`<dt>Route</dt><dd><code>${route}</code></dd>`}
    ${key !== undefined && renderKey(key)}
    <dt>Stored</dt><dd>${stored === undefined ? 'no' : 'yes'}</dd>
    ${stored !== undefined && renderStored(stored)}
  </dl>
  ${stored !== undefined && renderTags(stored)}
</div>`
}

function renderKey ({ name, parts, added, varies = {} }: Key): Html {
  return html`<dt>Key</dt><dd><code>${name}</code></dd>
    ${parts !== undefined && html`<dt>Key built from</dt>
    <dd><code>${parts.protocol}://${parts.host}${parts.path}</code>${parts.query.map(([name, value]) =>
      html`, <code>${name}${value === null ? '' : `=${value}`}</code>`)}</dd>`}
    ${typeof added === 'string' && added !== '' && html`<dt>and option key</dt><dd><code>${added}</code></dd>`}
    ${Object.entries(varies).map(([name, value]) => html`<dt>Varies by ${name}</dt><dd>${value ?? 'absent'}</dd>`)}`
}

function renderStored ({ storedAt, age, ttl, loadTook, bytes }: Stored): Html {
  return html`<dt>Stored at</dt><dd>${renderTime(storedAt)} UTC</dd>
    <dt>Age</dt><dd>${formatSeconds(age)}</dd>
    <dt>Time to live</dt><dd>${ttl !== null && Number.isFinite(ttl) ? formatSeconds(ttl) : 'does not expire'}</dd>
    <dt>Load took</dt><dd>${formatSeconds(loadTook)}</dd>
    <dt>Size</dt><dd>${bytes.toLocaleString('en')} bytes</dd>`
}

function renderTags ({ tags, tagCount }: Stored): Html {
  return renderTable({
    caption: tagCount > tags.length ? `Tags, the first ${tags.length} of ${tagCount}` : 'Tags',
    columns: [['Tag', 'text'], ['Version', 'text'], ['Changed since', 'text']],
    rows: tags.map(({ tag, version = 'unknown', changed }) => [tag, version, yesOrNo(changed)]),
    empty: 'The entry has no tags.'
  })
}

function formatSeconds (n: number): string {
  return `${n.toLocaleString('en', { maximumFractionDigits: 1 })} s`
}

function yesOrNo (flag: boolean | undefined): string {
  return flag === undefined ? 'unknown' : flag ? 'yes' : 'no'
}
