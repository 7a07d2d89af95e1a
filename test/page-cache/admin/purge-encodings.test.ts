import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import pageCache from '../../../src/page-cache/index.ts'

const ORIGIN = 'http://shop.example'

/** Cached routes of a server, and a client that sends URLs as they are written. */
async function createShop (t: Test, options: object = {}, app: FastifyInstance = Fastify(options)) {
  t.teardown(() => app.close())
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }), ttl: 60 })
  for (const url of ['/items/:id', '/search', '/list', '/t/*']) {
    app.get(url, { config: { cachePage: {} } }, async () => 'page')
  }
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const request = async (path: string, host = 'shop.example'): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    get({ port, path, headers: { host } }, (response) => {
      response.resume().on('end', () => { resolve(String(response.headers['cache-status'])) })
    }).on('error', reject)
    return await promise
  }
  /** Stores the page of a URL, purges, and checks that a page was deleted. */
  const check = async (t: Test, path: string, what: { url: string } | { urlPrefix: string }) => {
    await request(path)
    t.match(await request(path), /hit/, path)
    t.equal(await app.larder.purge(what), 1, `${path} ${JSON.stringify(what)}`)
    t.match(await request(path), /fwd=uri-miss/, path)
    await app.larder.purge({ all: true })
  }
  return { app, port, request, check }
}

t.test('a purge finds pages of a URL, however a client has encoded its characters', async (t) => {
  const { app, check } = await createShop(t)
  const ways = [
    ['/items/{1}', '/items/%7B1%7D', '/items/%7b1}'], ['/items/a^b', '/items/a%5Eb', '/items/a%5eb'],
    ['/items/a\\b', '/items/a%5Cb', '/items/a%5cb'], ['/items/a|b', '/items/a%7Cb'], ['/items/a"b', '/items/a%22b'],
    ["/items/it's", '/items/it%27s'], ['/items/a:b@c,d', '/items/a%3Ab%40c%2Cd'], ['/items/%C3%BC', '/items/%c3%bc'],
    ['/items/100%25', '/items/10%30%25'], ["/search?q=it's", '/search?q=it%27s'],
    ['/search?q="x"', '/search?q=%22x%22'],
    ['/search?a=<b>', '/search?a=%3Cb%3E'], ['/search?q=a+b', '/search?q=a%20b'],
    ['/search?q=a=b', '/search?q=a%3Db'],
    ["/search?a'=1&a!=2", '/search?a!=2&a%27=1', '/search?a%21=2&a%27=1'], ['/search?q=/', '/search?q=%2F'],
    ['/search?q=%FF', '/search?%71=%FF']
  ]
  for (const urls of ways) {
    for (const stored of urls) {
      for (const purged of urls) {
        await check(t, stored, { url: purged })
        await check(t, stored, { url: ORIGIN + purged })
        await check(t, stored, { urlPrefix: purged.replace(/\?.*/, '') })
      }
    }
  }
  await check(t, '/items/%C3%BC', { url: '/items/ü' })
  await check(t, '/t/%C3%BCber', { urlPrefix: '/t/ü' })
  await check(t, '/t/%25zz', { url: `${ORIGIN}/t/%25zz` })
  t.equal(await app.larder.purge({ url: '/t/\uD800' }), 0)
})

t.test('a purge finds pages of a URL with dot segments or backslashes, as written and as resolved', async (t) => {
  const { app, request, check } = await createShop(t)
  for (const [stored, purged] of [
    ['/t/a/../b', '/t/a/../b'], ['/t/b', '/t/a/../b'], ['/t/b', '/t/a/%2e%2E/b'], ['/t/a/b', '/t/a\\b'],
    ['/t/a\\b', '/t/a\\b'], ['/t/.well', '/t/.well']
  ] as const) {
    for (const what of [{ url: purged }, { url: ORIGIN + purged }, { urlPrefix: purged }]) await check(t, stored, what)
  }
  await check(t, '/t/a/../b', { urlPrefix: '/t/a/../' })
  await check(t, '/t/.well', { urlPrefix: '/t/.' })
  await request('/items/1')
  for (const urlPrefix of ['/.', '/..', '/ ']) t.equal(await app.larder.purge({ urlPrefix }), 0, urlPrefix)
  t.match(await request('/items/1'), /hit/)
})

t.test('purging a URL keeps the pages of others', async (t) => {
  const { app, request } = await createShop(t)
  const others = ['/t/a%2Fb', '/t/a/b/c', '/t/a%20b', '/t/a', '/t/a/b?c', '/search?q=a%2Bb', '/t/a/b%3Fc']
  for (const url of others) await request(url)
  for (const url of ['/t/a/b', '/search?q=a+b', '/search', `${ORIGIN}/t/a/b?c=:`]) {
    t.equal(await app.larder.purge({ url }), 0, url)
  }
  for (const url of others) t.match(await request(url), /hit/, url)
  const [one, two] = [1, 2].map((value) => `/search?${'q'.repeat(250)}=${value}`) as [string, string]
  const [first, second] = [1, 2].map((value) => `/t/${'x'.repeat(250)}${value}`) as [string, string]
  for (const url of [one, two, first, second]) await request(url)
  t.equal(await app.larder.purge({ url: one }), 1)
  t.equal(await app.larder.purge({ url: first }), 1)
  t.match(await request(two), /hit/, 'a long query that begins in the same way')
  t.match(await request(second), /hit/, 'a long path that begins in the same way')
})

t.test('a purge of an absolute URL that can be written in several ways counts for all hosts', async (t) => {
  const { app, request } = await createShop(t)
  for (const url of ['/items/1', '/items/a:b']) {
    for (const host of ['shop.example', 'other.example']) await request(url, host)
  }
  t.equal(await app.larder.purge({ url: `${ORIGIN}/items/1` }), 1)
  t.equal(await app.larder.purge({ url: `${ORIGIN}/items/a:b` }), 2)
})

t.test('a purge finds pages whose characters were sent unencoded over HTTP/2, in UTF-8 or Latin-1', async (t) => {
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  const { port } = await createShop(t, {}, app)
  const client = connect(`http://127.0.0.1:${port}`)
  t.teardown(() => client.close())
  const utf8 = (text: string) => Buffer.from(text).toString('latin1')
  for (const path of ['/t/über', utf8('/t/über'), '/search?ä=ö', utf8('/search?ä=ö')]) {
    const urls = [path, path.startsWith('/t') ? '/t/über' : '/search?ä=ö']
    for (const url of urls.flatMap((url) => [url, `http://shop.example${url}`])) {
      const stream = client.request({ ':path': path, ':authority': 'shop.example' })
      const [headers] = await once(stream.resume(), 'response') as [Record<string, string>]
      await once(stream, 'close')
      t.match(headers['cache-status'], /stored/, path)
      t.equal(await app.larder.purge({ url }), 1, `${path} ${url}`)
    }
  }
})

t.test('a URL prefix with a slash at its end purges the URL without it, with ignoreTrailingSlash', async (t) => {
  const { app, request, check } = await createShop(t, { routerOptions: { ignoreTrailingSlash: true } })
  const long = `/t/${'x'.repeat(197)}`
  for (const path of ['/list/', '/list', '/list/?a=1', '/items/1/', '/t/x/', `${long}/`]) {
    const urlPrefix = path.replace(/\/?(\?.*)?$/, '/')
    await check(t, path, { urlPrefix })
  }
  for (const path of ['/items/1', '/items/12']) await request(path)
  t.equal(await app.larder.purge({ urlPrefix: '/items/1/' }), 1)
  t.match(await request('/items/12'), /hit/)
})

t.test('a purge of a path deletes no page of another path, with caseSensitive: false', async (t) => {
  const { app, request, check } = await createShop(t, { routerOptions: { caseSensitive: false } })
  for (const path of ['/t/a%20x', '/T/%C3%9C', '/t/%0Aevil', '/t/a%3Fb', '/t/100%25', '/t/A%2fb']) {
    for (const what of [{ url: path }, { url: ORIGIN + path }, { urlPrefix: path }]) await check(t, path, what)
  }
  await check(t, '/t/%C3%9C', { urlPrefix: '/T/%c3%bC' })
  await request('/t/a%20x')
  t.equal(await app.larder.purge({ url: '/t/a' }), 0)
  t.match(await request('/t/a%20x'), /hit/)
  for (const path of ['/items/Ab', '/items/aB']) await request(path)
  t.equal(await app.larder.purge({ url: '/items/Ab' }), 2, 'paths that differ in case alone are purged together')
})

t.test('an absolute URL, as rewriteUrl returns it, purges the pages of the URLs that were requested', async (t) => {
  const { app, request, check } = await createShop(t, {
    rewriteUrl: ({ url }: { url: string }) => url.replace('/old/', '/items/')
  })
  for (const what of [{ url: `${ORIGIN}/items/1` }, { url: '/items/1' }, { urlPrefix: '/items/' }]) {
    await check(t, '/old/1', what)
  }
  await request('/old/1')
  t.equal(await app.larder.purge({ url: `${ORIGIN}/old/1` }), 0, 'keys show the new URL')
})
