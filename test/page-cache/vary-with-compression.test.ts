import compress from '@fastify/compress'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'

const LONG = 'page '.repeat(1000)

/** A page that @fastify/compress compresses, registered before the page cache or after it. */
async function compressedPage (t: Test, order: string, read: (headers: Record<string, unknown>) => unknown = () => '') {
  const app = Fastify()
  t.teardown(() => app.close())
  if (order === 'before') await app.register(compress)
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  if (order === 'after') await app.register(compress)
  app.get('/page', { config: { cachePage: 60 } }, async ({ headers }) => `${LONG} ${String(read(headers))}`)
  return async (headers: Record<string, string> = {}) => {
    const { headers: sent } = await app.inject({ url: '/page', headers })
    return { vary: sent.vary, status: String(sent['cache-status']), encoding: sent['content-encoding'] }
  }
}

for (const order of ['before', 'after']) {
  t.test(`@fastify/compress ${order} the page cache`, async (t) => {
    t.test('Vary lists what shapes the response, and no more', async (t) => {
      const ask = await compressedPage(t, order)
      t.match(await ask(), { vary: undefined, status: /stored/ })
      t.match(await ask({ 'accept-encoding': 'gzip' }), { vary: 'accept-encoding', status: /hit/, encoding: 'gzip' })
      t.match(await ask({ 'accept-encoding': 'gzip' }), { vary: 'accept-encoding', status: /hit/, encoding: 'gzip' })
    })

    t.test('headers about a body that a GET lacks create no second page', async (t) => {
      const ask = await compressedPage(t, order)
      t.match(await ask(), { status: /stored/ })
      for (const name of ['content-encoding', 'content-language', 'content-location', 'content-type']) {
        t.match(await ask({ [name]: 'gzip' }), { vary: undefined, status: /hit/ }, name)
      }
    })

    t.test('a handler that reads such a header puts it into its response, which varies by it', async (t) => {
      const ask = await compressedPage(t, order, (headers) => headers['content-encoding'])
      t.match(await ask(), { vary: 'content-encoding', status: /stored/ })
      t.match(await ask({ 'content-encoding': 'gzip' }), { vary: 'content-encoding', status: /stored/ })
    })
  })
}
