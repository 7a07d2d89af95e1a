import t from 'tap'
import { readUrl } from '../../../src/page-cache/admin/read-url.ts'
import { createTestApp } from '../../support/create-test-app.ts'

t.test('purge and explain accept the same spellings of a URL', async (t) => {
  const { app, get } = await createTestApp(t, 60, async () => 'page')
  for (const url of [
    '/page', ' /page ', 'http://localhost:80/page', 'HTTP://LOCALHOST/page', '/x/../page', 'http://localhost/page#part'
  ]) {
    await get()
    t.match(await app.larder.explain({ url, headers: { host: 'localhost:80' } }), { outcome: { cacheStatus: /hit/ } }, url)
    t.equal(await app.larder.purge({ url }), 1, url)
  }
  for (const url of ['page', '', 'localhost/page', 'localhost:80/page', 'ftp://localhost/page', 'http://', '?a']) {
    await t.rejects(app.larder.explain({ url }), { code: 'FST_ERR_LARDER_EXPLAIN', message: /begins with \// }, url)
    await t.rejects(app.larder.purge({ url }), { code: 'FST_ERR_LARDER_PURGE', message: /begins with \// }, url)
  }
})

t.test('readUrl reads what begins with two slashes as a path, not as a host', async (t) => {
  t.match(readUrl('//shop.example/a?b'), { isPath: true, url: { host: 'localhost', pathname: '//shop.example/a' } })
})
