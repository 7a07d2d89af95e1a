import t, { type Test } from 'tap'
import { testApp } from '../../support/app.ts'
import { fakeClock } from '../../support/clock.ts'

async function setUp (t: Test, env: Record<string, string> = {}) {
  const clock = fakeClock()
  const app = await testApp(t, env, { now: clock.now })
  const ask = async (query: Record<string, string | string[]>) => {
    const search = new URLSearchParams(Object.entries(query).flatMap(([name, values]) => [values].flat().map((value): [string, string] => [name, value])))
    return await app.inject(`/cache/explain?${search}`)
  }
  return { app, clock, ask, explain: async (query: Record<string, string | string[]>) => (await ask(query)).json() }
}

t.test('a URL: its key, what is stored, and what would happen, by which rule', async (t) => {
  const { app, clock, explain, ask } = await setUp(t)
  const cold = await explain({ url: '/apicalls?b=2&a' })
  t.match(cold, {
    request: { method: 'GET', url: '/apicalls?b=2&a' },
    route: '/apicalls',
    key: { name: /^page:/, parts: { protocol: 'http', host: /./, path: '/apicalls', query: [['a', null], ['b', '2']] }, added: null, varies: {} },
    outcome: { cacheStatus: 'larder; fwd=uri-miss', runsHandler: true, rule: 'Nothing is stored under this key.' }
  })
  t.notOk('page' in cold)

  await app.inject({ url: '/apicalls', headers: { host: 'localhost' } })
  clock.advance(10)
  const warm = await explain({ url: '/apicalls' })
  t.match(warm, {
    page: { status: 200, storedAt: '2026-01-01T00:00:00.000Z', age: 10, ttl: 290, tags: [], tagCount: 0, staleWhileRevalidate: 0 },
    outcome: { cacheStatus: 'larder; hit; ttl=290', runsHandler: false, rule: /^The stored response is fresh: 10 s old/ }
  })
  t.notMatch(JSON.stringify(warm), 'Results received', 'no body')
  t.equal((await ask({ url: '/apicalls' })).headers['cache-control'], 'no-store')
  t.match((await app.inject('/metrics')).body, 'larder_page_misses_total{route="/apicalls",reason="uri-miss"} 1\n', 'it is not counted')
})

t.test('it is asked with the headers and the method that are given', async (t) => {
  const { app, explain } = await setUp(t)
  await app.inject({ url: '/apicalls', headers: { host: 'shop.example' } })
  t.match(await explain({ url: '/apicalls', header: ['Authorization: Basic eDp5', 'Accept:de'] }), { outcome: { rule: /^The request has Authorization|Nothing is stored/ } })
  t.match(await explain({ url: '/apicalls', header: 'Host: shop.example', method: 'HEAD' }), { request: { method: 'HEAD' }, outcome: { rule: /fresh/ } })
  t.match(await explain({ url: 'http://shop.example/apicalls' }), { outcome: { rule: /fresh/ } })
  t.match(await explain({ url: '/apicalls' }), { outcome: { rule: 'Nothing is stored under this key.' } })
  t.match(await explain({ url: '/' }), { outcome: { rule: 'No route with a page cache answers to this URL.', runsHandler: true } })
})

t.test('a path is of the host that is asked', async (t) => {
  const { app } = await setUp(t)
  const fresh = { outcome: { rule: /fresh/ } }
  const none = { outcome: { rule: 'Nothing is stored under this key.' } }
  const asked = async (host: string, query: string) => (await app.inject({ url: `/cache/explain?url=${query}`, headers: { host } })).json()
  const visited = '127.0.0.1:3000'
  t.match(await asked(visited, '/apicalls'), none)
  await app.inject({ url: '/apicalls', headers: { host: visited } })
  t.match(await asked(visited, '/apicalls'), fresh)
  t.match(await asked(visited, '/apicalls&header=Host:other'), none)
  t.match(await asked('other', '/apicalls'), none)
  t.match(await asked('other', `http://${visited}/apicalls`), fresh)
  t.match(await asked('other', `/apicalls&header=Host:${visited}`), fresh)
  t.match(await asked('a b', '/apicalls'), none, 'a Host that is none')
})

t.test('a key: whether it is stored, its tags and where they stand', async (t) => {
  const { app, clock, explain } = await setUp(t, { DATABASE_URL: `file:${t.testdir()}/larder.db` })
  t.same(await explain({ key: 'product_objects' }), { key: { name: 'product_objects' }, outcome: { rule: 'Nothing is stored under this key.' } })
  await app.inject('/')
  clock.advance(5)
  const warm = await explain({ key: 'product_objects' })
  t.match(warm, { entry: { age: 5, ttl: 295, tags: [{ tag: 'products', version: /^\d+$/, changed: false }], tagCount: 1 }, outcome: { rule: /^It is fresh/ } })
  t.notMatch(JSON.stringify(warm), 'title', 'no value')

  const { default: Database } = await import('better-sqlite3')
  const other = new Database(`${t.testdirName}/larder.db`)
  other.exec("UPDATE products SET price = '7.77' WHERE id = 4")
  other.close()
  const changed = await explain({ key: 'product_objects' })
  t.match(changed, { entry: { tags: [{ tag: 'products', changed: true }] }, outcome: { rule: /^What it was made of has changed/ } })
  t.not(changed.entry.tags[0].version, warm.entry.tags[0].version)
  await app.inject('/')
  clock.advance(300)
  t.match(await explain({ key: 'product_objects' }), { entry: { ttl: 0 }, outcome: { rule: /^Its life is over/ } })
})

t.test('what cannot be understood is said in a sentence', async (t) => {
  const { ask } = await setUp(t)
  for (const [query, message] of [
    [{}, 'Ask for a url or for a key, and for one of them only.'],
    [{ url: '', key: '' }, 'Ask for a url or for a key, and for one of them only.'],
    [{ url: '/', key: 'a' }, 'Ask for a url or for a key, and for one of them only.'],
    [{ key: 'a', method: 'GET' }, 'A key is asked for without method and header.'],
    [{ key: 'a', header: 'Accept: de' }, 'A key is asked for without method and header.'],
    [{ url: '/apicalls', header: 'nonsense' }, 'header must be "Name: value" as HTTP allows it, got "nonsense".'],
    [{ url: '/apicalls', header: 'a b: c' }, /^header must be .*got "a b: c"/],
    [{ url: '/apicalls', header: 'a: b\r\nc: d' }, /^header must be/],
    [{ url: '/apicalls', header: 'a: ✓' }, /^header must be/],
    [{ url: 'ftp://localhost/' }, /^The URL to explain must be a path or an http or https URL/],
    [{ url: 'http://' }, /^The URL to explain must be a path or an http or https URL/],
    [{ url: '/apicalls', method: 'POST' }, /method/],
    [{ url: '/apicalls', header: Array.from({ length: 21 }, () => 'a: b') }, /header/],
    [{ url: `/${'x'.repeat(2_000)}` }, /url/],
    [{ url: '/', what: '1' }, /must not have the field 'what'/]
  ] as const) {
    const response = await ask(query as Record<string, string | string[]>)
    t.equal(response.statusCode, 400, JSON.stringify(query))
    t.match(response.json().message, message)
    t.notMatch(response.body, /\n|\bat /)
  }
})

t.test('the page has the same, as a form', async (t) => {
  const { app } = await setUp(t)
  await app.inject({ url: '/apicalls', headers: { host: 'localhost' } })
  await app.inject('/')
  const page = async (search: string) => (await app.inject(`/cache?${new URLSearchParams(search)}`))
  t.match((await page('url=/apicalls&key=&header=')).body, /The stored response is fresh.*page:/s)
  t.match((await page('url=/apicalls?a%26b=1%26%ff&header=')).body, 'Nothing is stored under this key.')
  t.match((await page('key=product_objects')).body, /It is fresh.*products/s)
  t.match((await page('url=/apicalls&header=X: y%0D%0ACookie: a=b%0D%0A%0D%0A')).body, 'The stored response is fresh')
  t.match((await page('url=/')).body, 'No route with a page cache')
  const refused = await page('url=/&key=<script>')
  t.equal(refused.statusCode, 400)
  t.match(refused.body, /role="alert">Ask for a url or for a key, and for one of them only\.</)
  t.match(refused.body, 'value="&lt;script&gt;"')
  t.equal((await app.inject('/cache?what=1')).statusCode, 400)
})
