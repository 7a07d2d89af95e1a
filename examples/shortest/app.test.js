import assert from 'node:assert/strict'
import test from 'node:test'
import { buildApp } from './app.js'

for (const url of ['/page', '/value']) {
  test(`${url} takes its time once`, async (t) => {
    const app = buildApp()
    t.after(() => app.close())
    const first = await app.inject(url)
    const second = await app.inject(url)
    assert.equal(second.body, first.body)
    if (url === '/page') assert.match(second.headers['cache-status'], /^larder; hit; ttl=\d+$/)
  })
}
