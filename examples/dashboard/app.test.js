import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'
import { buildApp } from './app.js'

async function start (t) {
  const app = buildApp()
  t.after(() => app.close())
  return await app.listen({ port: 0, host: '127.0.0.1' })
}

test('the page and all that it loads are served from the package', async (t) => {
  const address = await start(t)
  await fetch(`${address}/menu`)
  const page = await (await fetch(`${address}/cache`)).text()
  assert.match(page, /<th scope="row">\/menu<\/th>/)
  assert.match(page, /<a href="\/menu">Menu<\/a>/)
  const pending = Array.from(page.matchAll(/(?:src|href)="(\.[^"]+)"/g), ([, url]) => new URL(url, `${address}/cache`))
  const loaded = new Set()
  for (const url of pending) {
    if (loaded.has(url.href)) continue
    loaded.add(url.href)
    const response = await fetch(url)
    assert.equal(response.status, 200, url.href)
    const imports = (await response.text()).matchAll(/(?:from|import|import\() ?'(\.\/[^']+)'/g)
    pending.push(...Array.from(imports, ([, file]) => new URL(file, url)))
  }
  assert.ok([...loaded].some((url) => url.endsWith('/uPlot.esm.js')))
})

test('the page is kept up to date by events', async (t) => {
  const address = await start(t)
  const { body } = await fetch(`${address}/cache/events`)
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  assert.match((await reader.read()).value, /^event: start\ndata: \{"html":/)
  await reader.cancel()
})

test('/metrics has the metrics of the application and those of the caches', async (t) => {
  const address = await start(t)
  await fetch(`${address}/orders`, { method: 'POST' })
  await fetch(`${address}/menu`)
  const text = await (await fetch(`${address}/metrics`)).text()
  assert.match(text, /^orders_total 1$/m)
  assert.match(text, /^larder_page_misses_total\{route="\/menu",reason="uri-miss"\} 1$/m)
})

test('with a token, the page needs it and entries can be purged', async (t) => {
  process.env.ADMIN_TOKEN = 'sesame'
  t.after(() => { delete process.env.ADMIN_TOKEN })
  const address = await start(t)
  assert.equal((await fetch(`${address}/cache`)).status, 401)
  await fetch(`${address}/menu`)
  const headers = { authorization: 'Bearer sesame', 'content-type': 'application/json' }
  const purged = await fetch(`${address}/cache/purge`, { method: 'POST', headers, body: '{"route":"/menu"}' })
  assert.deepEqual(await purged.json(), { purged: 1 })
})

test('the entry points can be required too', () => {
  const require = createRequire(import.meta.url)
  for (const entry of ['fastify-larder', 'fastify-larder/dashboard', 'fastify-larder/metrics']) {
    assert.equal(typeof require(entry).default, 'function', entry)
  }
})
