import t, { type Test } from 'tap'
import { testApp } from '../support/app.ts'
import { fakeClock } from '../support/clock.ts'

type Query = Record<string, string | string[]>

async function setUp (t: Test, env: Record<string, string> = {}) {
  const clock = fakeClock()
  const app = await testApp(t, env, { now: clock.now })
  const get = async (query: Query) => {
    const search = new URLSearchParams()
    for (const [name, values] of Object.entries(query)) for (const value of [values].flat()) search.append(name, value)
    return await app.inject(`/cache/explain?${search}`)
  }
  return { app, clock, get, explain: async (query: Query) => (await get(query)).json() }
}

t.test('explain of a URL returns its key, the stored page, and what a request would get, by which rule', async (t) => {
  const { app, clock, explain, get } = await setUp(t)
  const cold = await explain({ url: '/apicalls?b=2&a' })
  t.match(cold, {
    request: { method: 'GET', url: '/apicalls?b=2&a' },
    route: '/apicalls',
    key: {
      name: /^page:/,
      parts: { protocol: 'http', host: /./, path: '/apicalls', query: [['a', null], ['b', '2']] },
      added: null,
      varies: {}
    },
    outcome: { cacheStatus: 'larder; fwd=uri-miss', runsHandler: true, rule: 'Nothing is stored under this key.' }
  })
  t.notOk('page' in cold)

  await app.inject({ url: '/apicalls', headers: { host: 'localhost' } })
  clock.advance(10)
  const warm = await explain({ url: '/apicalls' })
  t.match(warm, {
    page: {
      status: 200, storedAt: '2026-01-01T00:00:00.000Z', age: 10, ttl: 290, tags: [], tagCount: 0
    },
    outcome: {
      cacheStatus: 'larder; hit; ttl=290', runsHandler: false, rule: /^The stored response is fresh: 10 s old/
    }
  })
  t.notMatch(JSON.stringify(warm), 'Results received', 'no body')
  t.equal((await get({ url: '/apicalls' })).headers['cache-control'], 'no-store')
  const { body } = await app.inject('/metrics')
  t.match(body, 'larder_page_misses_total{route="/apicalls",reason="uri-miss"} 1\n', 'it is not counted')
})

t.test('explain uses the headers and the method of the query', async (t) => {
  const { app, explain } = await setUp(t)
  await app.inject({ url: '/apicalls', headers: { host: 'shop.example' } })
  const authorized = await explain({ url: '/apicalls', header: ['Authorization: Basic eDp5', 'Accept:de'] })
  t.match(authorized, { outcome: { rule: /^The request has Authorization|Nothing is stored/ } })
  const head = await explain({ url: '/apicalls', header: 'Host: shop.example', method: 'HEAD' })
  t.match(head, { request: { method: 'HEAD' }, outcome: { rule: /fresh/ } })
  t.match(await explain({ url: 'http://shop.example/apicalls' }), { outcome: { rule: /fresh/ } })
  t.match(await explain({ url: '/apicalls' }), { outcome: { rule: 'Nothing is stored under this key.' } })
  t.match(await explain({ url: '/' }), { outcome: { rule: /^No route with a page cache/, runsHandler: true } })
})

t.test('explain takes the host of a path from the request, unless a Host header is given', async (t) => {
  const { app } = await setUp(t, { ADMIN_TOKEN: 'sesame' }) // without, the names below are refused
  const fresh = { outcome: { rule: /fresh/ } }
  const none = { outcome: { rule: 'Nothing is stored under this key.' } }
  const explain = async (host: string, query: string) => {
    const headers = { host, authorization: 'Bearer sesame' }
    return (await app.inject({ url: `/cache/explain?url=${query}`, headers })).json()
  }
  const visited = '127.0.0.1:3000'
  t.match(await explain(visited, '/apicalls'), none)
  await app.inject({ url: '/apicalls', headers: { host: visited } })
  t.match(await explain(visited, '/apicalls'), fresh)
  t.match(await explain(visited, '/apicalls&header=Host:other'), none)
  t.match(await explain('other', '/apicalls'), none)
  t.match(await explain('other', `http://${visited}/apicalls`), fresh)
  t.match(await explain('other', `/apicalls&header=Host:${visited}`), fresh)
  t.match(await explain('a b', '/apicalls'), none, 'a Host that is none')
})

t.test('explain of a key returns the entry, its tags and whether they have changed', async (t) => {
  const { app, clock, explain } = await setUp(t, { DATABASE_URL: `file:${t.testdir()}/larder.db` })
  const nothing = { key: { name: 'product_objects' }, outcome: { rule: 'Nothing is stored under this key.' } }
  t.same(await explain({ key: 'product_objects' }), nothing)
  await app.inject('/')
  clock.advance(5)
  const warm = await explain({ key: 'product_objects' })
  t.match(warm, {
    entry: { age: 5, ttl: 295, tags: [{ tag: 'products', version: /^\d+$/, changed: false }], tagCount: 1 },
    outcome: { rule: /^The entry is fresh/ }
  })
  t.notMatch(JSON.stringify(warm), 'title', 'no value')

  const { default: Database } = await import('better-sqlite3')
  const other = new Database(`${t.testdirName}/larder.db`)
  other.exec("UPDATE products SET price = '7.77' WHERE id = 4")
  other.close()
  const changed = await explain({ key: 'product_objects' })
  t.match(changed, {
    entry: { tags: [{ tag: 'products', changed: true }] },
    outcome: { rule: 'The tag products has changed since it was stored, so a read loads it again.' }
  })
  t.not(changed.entry.tags[0].version, warm.entry.tags[0].version)
  await app.inject('/')
  clock.advance(300)
  t.match(await explain({ key: 'product_objects' }), { entry: { ttl: 0 }, outcome: { rule: /^The entry has expired/ } })
})

t.test('explain refuses an invalid query with a sentence that says why', async (t) => {
  const { get } = await setUp(t)
  for (const [query, message] of [
    [{}, 'Give either `url` or `key`.'],
    [{ url: '', key: '' }, 'Give either `url` or `key`.'],
    [{ url: '/', key: 'a' }, 'Give either `url` or `key`.'],
    [{ key: 'a', method: 'GET' }, 'The parameters `method` and `header` cannot be combined with `key`.'],
    [{ key: 'a', header: 'Accept: de' }, 'The parameters `method` and `header` cannot be combined with `key`.'],
    [{ url: '/', header: 'nonsense' }, 'The header must be "Name: value" as HTTP allows it, but is "nonsense".'],
    [{ url: '/apicalls', header: 'a b: c' }, /^The header must be .*but is "a b: c"\.$/],
    [{ url: '/apicalls', header: 'a: b\r\nc: d' }, /^The header must be/],
    [{ url: '/apicalls', header: 'a: ✓' }, /^The header must be/],
    [{ url: 'ftp://localhost/' }, /^The URL to explain must be a path that begins with /],
    [{ url: 'http://' }, /^The URL to explain must be a path that begins with /],
    [{ url: '/apicalls', method: 'POST' }, 'The method must be GET or HEAD.'],
    [{ url: ['/', '/'] }, 'The parameter url must be given once.'],
    [{ url: '/apicalls', header: Array.from({ length: 21 }, () => 'a: b') }, /header/],
    [{ url: `/${'x'.repeat(2_000)}` }, /url/],
    [{ url: '/', what: '1' }, /There is no parameter "what"\./]
  ] as const) {
    const response = await get(query as Query)
    t.equal(response.statusCode, 400, JSON.stringify(query))
    t.match(response.json().message, message)
    t.notMatch(response.body, /\n|\.ts\b/)
  }
})

t.test('/cache shows explanations in a form', async (t) => {
  const { app } = await setUp(t)
  await app.inject({ url: '/apicalls', headers: { host: 'localhost' } })
  await app.inject('/')
  const page = async (search: string) => (await app.inject(`/cache?${new URLSearchParams(search)}`))
  t.match((await page('url=/apicalls&key=&header=')).body, /The stored response is fresh.*page:/s)
  t.match((await page('url=/apicalls?a%26b=1%26%ff&header=')).body, 'Nothing is stored under this key.')
  t.match((await page('key=product_objects')).body, /The entry is fresh.*products/s)
  t.match((await page('url=/apicalls&header=X: y%0D%0ACookie: a=b%0D%0A%0D%0A')).body, 'The stored response is fresh')
  t.match((await page('url=/')).body, 'No route with a page cache')
  const empty = await page('url=&key=&header=')
  t.equal(empty.statusCode, 400)
  t.match(empty.body, /role="alert">Give either/)
  const refused = await page('url=/&key=<script>')
  t.equal(refused.statusCode, 400)
  t.match(refused.body, /role="alert">Give either `url` or `key`\.</)
  t.match(refused.body, 'value="&lt;script&gt;"')
  t.equal((await app.inject('/cache?what=1')).statusCode, 400)
})
