import fc from 'fast-check'
import t from 'tap'
import { computeKey, countMemoizedKeys } from '../../../src/page-cache/key/key.ts'
import { filterQuery, normalizeEncoding, normalizeQuery } from '../../../src/page-cache/key/query.ts'
import { type CachePageOptions, resolveRouteConfig } from '../../../src/page-cache/options.ts'

function getKey (
  url: string, more: { host?: string, protocol?: string, method?: 'GET' | 'HEAD', route?: string } = {},
  options: CachePageOptions = {}
): string {
  const target = { url, host: more.host ?? 'a.example', protocol: more.protocol ?? 'http' }
  return computeKey(target, resolveRouteConfig(more.route ?? '/', options, 60), more.method ?? 'GET')
}

t.test('URLs that mean the same have one key', async (t) => {
  for (const [a, b] of [
    ['/p?a=1&b=2', '/p?b=2&a=1'],
    ['/p?', '/p'],
    ['/p?a=1&&', '/p?a=1'],
    ['/p?%FF=1&a=2', '/p?a=2&%FF=1'],
    ['/%7Ep', '/~p'],
    ['/%e2%82%ac', '/%E2%82%AC'],
    ['/p?a=%7E+b&%61=%2f', '/p?a=~+b&a=%2F']
  ] as const) t.equal(getKey(a), getKey(b), `${a} and ${b}`)
  t.equal(getKey('/', { host: 'A.Example' }), getKey('/', { host: 'a.example' }), 'the host in any case')
  t.equal(getKey('/', { host: 'a.example:80' }), getKey('/', { host: 'a.example' }), 'the port that the scheme implies')
  t.equal(getKey('/', { host: 'a.example:443', protocol: 'https' }), getKey('/', { protocol: 'https' }))
  t.not(getKey('/', { host: 'a.example:443' }), getKey('/'))
})

t.test('URLs that differ have different keys', async (t) => {
  const urls = [
    '/p', '/P', '/p/', '/p?a', '/p?a=', '/p?a=1', '/p?A=1', '/p?a=1&a=2', '/p?a=2&a=1', '/p?a=1%262', '/p?a=1&2',
    '/p%2Fq', '/p/q', '/p?a=%FF', '/p?a=%FE', '/p?a=%EF%BF%BD', '/p?%FF=1', '/p?a=%25FF', '/p?b=1', '/p?a=+',
    '/p?a=%20', '/p?a=<', '/p?a=%3C', '/p%3Fa=1', '/p?a=1=2'
  ]
  t.equal(new Set(urls.map((url) => getKey(url))).size, urls.length)
  const keys = [
    getKey('/'), getKey('/', { host: 'b.example' }), getKey('/', { host: 'a.example:81' }),
    getKey('/', { protocol: 'https' }), getKey('/', { method: 'HEAD' }), getKey('/', { route: '/other' })
  ]
  t.equal(new Set(keys).size, keys.length, 'host, port, scheme, method, route')
  t.match(getKey('/', { host: '' }), /^page:[\w-]{12}:\/ [\w-]{43}$/, 'no host at all')
})

t.test('only the parameters of the option query are part of the key', async (t) => {
  const options = { query: ['page'] }
  t.equal(getKey('/?page=2&utm=x', {}, options), getKey('/?utm=y&page=2&%FF', {}, options))
  t.not(getKey('/?page=2', {}, options), getKey('/?page=3', {}, options))
})

t.test('filterQuery removes the parameters that are not listed', async (t) => {
  const listed = new Set(['page', 'filter', 'é'])
  for (const [url, shown] of [
    ['/p', '/p'], ['/p?', '/p?'], ['/p?page=1', '/p?page=1'], ['/p?utm=1', '/p'], ['/p?utm=1&page=2&&x', '/p?page=2'],
    ['/p?filter[a]=1&filters=2&[filter]=3', '/p?filter[a]=1'], ['/p?%C3%A9=1&%70age=2&%FF=3', '/p?%C3%A9=1&%70age=2'],
    ['/p?page&Page', '/p?page']
  ] as const) t.equal(filterQuery(url, listed), shown, url)
})

t.test('normalizeQuery never maps two different lists of parameters to one form', async (t) => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '%', '&', '=', '+', ' ', '"', '\\', '[', 'é', '\u0000') })
  const list = fc.array(fc.tuple(text, text), { maxLength: 4 })
  const encode = (pairs: string[][]) =>
    pairs.map(([name, value]) => `${encodeURIComponent(name!)}=${encodeURIComponent(value!)}`).join('&')
  const sorted = (pairs: string[][]) => JSON.stringify(pairs.map((pair, i) => [...pair, i] as const)
    .sort(([a, , i], [b, , j]) => a! < b! ? -1 : a! > b! ? 1 : Number(i) - Number(j)).map(([name, value]) => [
      name, value
    ]))
  fc.assert(fc.property(list, list, (a, b) => {
    const same = JSON.stringify(normalizeQuery(encode(a))) === JSON.stringify(normalizeQuery(encode(b)))
    return same === (sorted(a) === sorted(b))
  }), { numRuns: 2000 })
})

t.test('normalizeEncoding keeps the meaning of a path', async (t) => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }).filter((s) => s.isWellFormed()), (text) => {
    return decodeURIComponent(normalizeEncoding(encodeURIComponent(text))) === text
  }))
})

t.test('a memoized key is the key that would be computed', (t) => {
  const route = resolveRouteConfig('/page', {}, 60)
  const memoized = (url: string, host = 'a', protocol = 'http') => computeKey({ url, host, protocol }, route, 'GET')
  const fresh = (url: string, host = 'a', protocol = 'http') => computeKey({
    url, host, protocol
  }, resolveRouteConfig('/page', {}, 60), 'GET')
  for (const request of [
    ['/page'], ['/page', 'b'], ['/page', 'a', 'https'], ['/page'], ['/page?a'], [`/page?${'x'.repeat(1000)}`]
  ] as Array<[string, string?, string?]>) {
    t.equal(memoized(...request), fresh(...request))
    t.equal(memoized(...request), fresh(...request))
  }
  t.equal(countMemoizedKeys(resolveRouteConfig('/other', 1, undefined)), 0)
  t.equal(countMemoizedKeys(route), 2, 'keys of long URLs are not memoized')
  for (let i = 0; i < 2_500; i++) memoized(`/page?${i}`)
  t.ok(countMemoizedKeys(route) <= 1_000)
  t.equal(memoized('/page?1'), fresh('/page?1'))
  t.end()
})
