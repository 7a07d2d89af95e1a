import t from 'tap'
import { renderExplanation } from '../../../src/dashboard/view/explanation.ts'
import { renderFigures } from '../../../src/dashboard/view/figures.ts'
import { html } from '../../../src/dashboard/view/html.ts'
import { renderError, renderPage } from '../../../src/dashboard/view/page.ts'

const ATTACK = '"\'><script>alert(1)</script>&'
const ESCAPED = '&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;'

t.test('html escapes text, joins lists, leaves out what is absent, and nests', async (t) => {
  t.equal(html`<p title="${ATTACK}">${5}${html`<b>${ATTACK}</b>`}${['a', html`<i>b</i>`, ['<']]}</p>`.text,
    `<p title="${ESCAPED}">5<b>${ESCAPED}</b>a<i>b</i>&lt;</p>`)
  t.equal(html`a${undefined}b${false}c${[]}d${''}e`.text, 'abcde')
})

t.test('the page escapes keys, tags, routes, parameters, links and errors', async (t) => {
  const figures = {
    figures: [[ATTACK, ATTACK]] as Array<[string, string]>,
    tables: [{
      caption: ATTACK,
      columns: [['Time', 'time'], [ATTACK, 'text']] as Array<[string, 'time' | 'text']>,
      rows: [[ATTACK, ATTACK]],
      empty: ATTACK
    }, { caption: ATTACK, columns: [], rows: [], empty: ATTACK }]
  }
  const stored = {
    storedAt: ATTACK,
    age: 1,
    bytes: 1,
    loadTook: 1,
    tagCount: 1,
    stamp: '',
    tags: [{ tag: ATTACK, version: ATTACK, changed: true }]
  }
  const parts = { protocol: ATTACK, host: ATTACK, path: ATTACK, query: [[ATTACK, ATTACK]] as Array<[string, string]> }
  const explanation = {
    route: ATTACK,
    key: { name: ATTACK, parts, added: ATTACK, varies: { [ATTACK]: ATTACK } },
    entry: { ...stored, ttl: 1 },
    outcome: { rule: ATTACK, cacheStatus: ATTACK, runsHandler: true }
  }
  const frame = { base: './', links: { [ATTACK]: ATTACK } }
  const query = { url: ATTACK, key: ATTACK, method: undefined, header: [ATTACK] }
  for (const text of [
    renderPage(frame, { ...figures, query, explanation, error: ATTACK }),
    renderError(frame, ATTACK, ATTACK),
    renderFigures(figures).text,
    renderExplanation(explanation).text
  ]) {
    t.match(text, ESCAPED)
    t.notMatch(text, '<script>')
    t.notMatch(text, '"\'>')
  }
})

t.test('renderExplanation shows what is known, and that the rest is not', async (t) => {
  const absent = renderExplanation({ outcome: { rule: 'Nothing is stored.' } }).text
  t.match(absent, '<dt>Stored</dt><dd>no</dd>')
  t.notMatch(absent, /Cache-Status|Route|Key|Tags/)
  const entry = { storedAt: '2026-01-01T00:00:00.000Z', age: 1, bytes: 1_000, loadTook: 0.5, stamp: '', ttl: null }
  const tags = [{ tag: 'menu', version: undefined, changed: undefined }, { tag: 'soup', version: '5', changed: false }]
  const text = renderExplanation({
    key: { name: 'menu', varies: { accept: null, 'x-a': 'b' }, added: null },
    entry: { ...entry, tags, tagCount: 150 },
    outcome: { rule: 'Fresh.' }
  }).text
  for (const part of [
    '<time datetime="2026-01-01T00:00:00.000Z">2026-01-01 00:00:00</time>', 'does not expire', '1,000 bytes', '0.5 s',
    'Tags, the first 2 of 150', '<dt>Varies by accept</dt><dd>absent</dd>', '<dt>Varies by x-a</dt><dd>b</dd>',
    '>unknown</td>', '>no</td>'
  ]) t.match(text, part)
  const empty = { tags: [], tagCount: 0, staleWhileRevalidate: 0, staleIfError: 0 }
  const page = { ...entry, ...empty, status: 200, etag: '', bodyBytes: 1, ttl: 5 }
  const parts = { protocol: 'http', host: 'a', path: '/', query: [['b', null]] as Array<[string, null]> }
  const key = { name: 'k', parts, added: 'x' }
  const shown = renderExplanation({ key, page, outcome: { rule: '' } }).text
  for (const part of ['<code>http://a/</code>, <code>b</code>', 'and option key</dt><dd><code>x<', '<dd>5 s</dd>']) {
    t.match(shown, part)
  }
})
