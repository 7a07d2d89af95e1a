import { readdirSync } from 'node:fs'
import Fastify from 'fastify'
import t from 'tap'
import { ASSET_NAMES, memoize } from '../../src/dashboard/assets.ts'
import dashboard from '../../src/larder/dashboard.ts'
import larder from '../../src/larder/index.ts'

t.test('all files of the page are served, browsers revalidate them, and there are no others', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(larder)
  app.register(dashboard, { prefix: '/cache' })
  const own = readdirSync(new URL('../../src/dashboard/assets', import.meta.url))
  t.same(ASSET_NAMES.toSorted(), [...own, 'vendor/uPlot.esm.js', 'vendor/uPlot.min.css'].sort())
  for (const name of ASSET_NAMES) {
    const url = `/cache/assets/${name}`
    const { statusCode, headers, body } = await app.inject(url)
    t.equal(statusCode, 200, name)
    t.match(headers, { 'cache-control': 'private, no-cache', 'x-content-type-options': 'nosniff' })
    t.ok(body.length > 100, name)
    const again = await app.inject({ url, headers: { 'if-none-match': String(headers.etag) } })
    t.match(again, { statusCode: 304, body: '' })
  }
  for (const name of ['none.js', '..%2findex.ts', '%2e%2e%2findex.ts', 'constructor', '']) {
    t.equal((await app.inject(`/cache/assets/${name}`)).statusCode, 404, name)
  }
})

t.test('a file is read once, and again after a read that failed', async (t) => {
  const results = [Promise.reject(new Error('EMFILE')), Promise.resolve('text')]
  const read = memoize(() => results.shift()!)
  await t.rejects(Promise.all([read('a.js'), read('a.js')]), { message: 'EMFILE' })
  t.same([await read('a.js'), await read('a.js')], ['text', 'text'])
})
