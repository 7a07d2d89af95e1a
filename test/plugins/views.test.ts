import { readdirSync } from 'node:fs'
import { extname } from 'node:path'
import t from 'tap'
import { testApp } from '../support/app.ts'

t.test('assets are served, and no other files', async (t) => {
  const app = await testApp(t)
  const types: Record<string, string> = { '.css': 'text/css', '.js': '/javascript', '.svg': 'image/svg+xml' }
  const others = ['vendor/uPlot.esm.js', 'vendor/uPlot.min.css', 'dashboard.css', 'element.js', 'icon.svg', 'plot.js']
  for (const name of [...readdirSync(new URL('../../templates/assets', import.meta.url)), ...others]) {
    const response = await app.inject({ url: `/assets/${name}` })
    t.equal(response.statusCode, 200, name)
    t.match(response.headers['content-type'], types[extname(name)])
    t.match(response.headers['cache-control'], 'max-age=3600')
    t.type(response.headers.etag, 'string', 'a browser can revalidate it')
  }
  for (const url of [
    '/assets/', '/assets/vendor/', '/assets/vendor/uPlot.cjs.js', '/assets/vendor/../../package.json',
    '/assets/none.css', '/assets/../layout.eta', '/assets/..%2flayout.eta', '/assets/%2e%2e/layout.eta', '/layout.eta'
  ]) {
    t.ok([403, 404].includes((await app.inject({ url })).statusCode), url)
  }
})

t.test('every asset that a page links to exists', async (t) => {
  const app = await testApp(t)
  for (const url of ['/', '/products/1/edit', '/apicalls', '/cache', '/none']) {
    const { body } = await app.inject({ url, headers: { accept: 'text/html' } })
    const links = Array.from(body.matchAll(/(?:src|href)="(\.?\/[^"#]*)"/g), ([, link]) => link!.replace(/^\./, ''))
    t.ok(links.length > 4, url)
    for (const link of new Set(links)) {
      t.equal((await app.inject({ url: link })).statusCode, 200, `${url} links to ${link}`)
    }
  }
})
