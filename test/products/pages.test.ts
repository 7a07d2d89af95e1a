import t from 'tap'
import { listTiming, service as jsonService, type Service } from './service.ts'

const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const HOSTILE = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onfocus='alert(1)", '&lt;b&gt; & <b>', '<% it.title %>', '<%= 7 * 7 %>']
const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;').replace(/'/g, '&#39;')

/** The service, and a way to send its forms. */
async function service (t: Parameters<typeof jsonService>[0]) {
  const all = await jsonService(t)
  return {
    ...all,
    submit: (url: string, fields: Record<string, string> | string | undefined = {}, headers: Record<string, string> = {}) => {
      return all.send('POST', url, new URLSearchParams(fields).toString(), { ...FORM, accept: 'text/html', ...headers })
    }
  }
}

/** The titles in the table, as they stand in the page. */
function shown (html: string): string[] {
  return Array.from(html.matchAll(/<th scope="row">([^]*?)<\/th>/g), ([, title]) => title!)
}

/** The value of a field of the form. */
function field (html: string, name: string): string | undefined {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1]
}

const problem = (html: string) => /role="alert">([^<]*)</.exec(html)?.[1]

t.test('GET / shows titles and prices, newest first', async (t) => {
  const { get, send } = await service(t)
  await send('PATCH', '/api/products/2', { price: '12.34' })
  const page = await get('/')
  t.equal(page.statusCode, 200)
  t.equal(page.headers['content-type'], 'text/html; charset=utf-8')
  t.same(shown(page.body), ['c', 'b', 'a'])
  t.match(page.body, '<td class="number" data-label="Price">12.34</td>')
  t.match(page.body, '3 products')
  t.equal(field(page.body, 'title'), '')
  t.equal(problem(page.body), undefined)
})

t.test('GET / says whether the low-level cache had the list, as the API does', async (t) => {
  const { get, submit } = await service(t)
  t.equal(listTiming(await get('/')), 'miss')
  t.equal(listTiming(await get('/')), 'hit')
  t.equal(listTiming(await get('/?page=1')), 'hit')
  t.equal(listTiming(await get('/api/products')), 'hit')
  t.equal(listTiming(await get('/?page=2')), undefined)
  await submit('/products/1/delete')
  t.equal(listTiming(await get('/')), 'miss')
})

t.test('GET / has 100 products a page', async (t) => {
  const { get, send } = await service(t)
  await send('POST', '/api/products', Array.from({ length: 202 }, (_, i) => ({ title: `n${i + 1}`, price: '1' })))
  const page = async (query: string) => {
    const { body } = await get(`/${query}`)
    const titles = shown(body)
    return [titles.length, titles[0], /rel="prev" href="([^"]*)"/.exec(body)?.[1], /Page \d+ of \d+/.exec(body)?.[0], /rel="next" href="([^"]*)"/.exec(body)?.[1]]
  }
  t.same(await page(''), [100, 'n202', undefined, 'Page 1 of 3', '/?page=2'])
  t.same(await page('?page=2'), [100, 'n102', '/?page=1', 'Page 2 of 3', '/?page=3'])
  t.same(await page('?page=3'), [5, 'n2', '/?page=2', 'Page 3 of 3', undefined])
  t.same(await page('?page=9'), [0, undefined, '/?page=3', 'Page 9 of 3', undefined])
})

t.test('GET / shows times that others wrote, and what is no time as it is', async (t) => {
  const { get, other } = await service(t)
  for (const updated of ['2026-01-31 12:00', '<yesterday>']) other.prepare("INSERT INTO products (title, price, updated) VALUES ('x', '1', ?)").run(updated)
  const { statusCode, body } = await get('/')
  t.equal(statusCode, 200)
  t.match(body, '<time datetime="2026-01-31T12:00:00.000Z">2026-01-31 12:00</time>')
  t.match(body, '&lt;yesterday&gt;')
})

t.test('GET / without products says so', async (t) => {
  const { get, other } = await service(t)
  other.exec('DELETE FROM products')
  const { body } = await get('/')
  t.match(body, 'There are no products yet.')
  t.match(body, '0 products')
})

t.test('GET / refuses a page that is none', async (t) => {
  const { get } = await service(t)
  for (const page of ['0', '-1', 'x', '', '1e400', '1&page=2']) {
    const response = await get(`/?page=${page}`, { accept: 'text/html' })
    t.equal(response.statusCode, 400, page)
    t.match(response.headers['content-type'], /^text\/html/)
    t.match(response.body, 'querystring/page must ')
  }
})

t.test('what people typed is shown as text', async (t) => {
  const { get, send } = await service(t)
  await send('POST', '/api/products', HOSTILE.map((title) => ({ title, price: title.slice(0, 20) })))
  const { body } = await get('/')
  t.same(shown(body).slice(0, HOSTILE.length).reverse(), HOSTILE.map(escaped))
  for (const [i, title] of HOSTILE.entries()) {
    t.notMatch(body, title.includes('<') ? title : '\0')
    const edit = (await get(`/products/${i + 4}/edit`)).body
    t.equal(field(edit, 'title'), escaped(title))
    t.equal(field(edit, 'price'), escaped(title.slice(0, 20)))
    t.match(edit, `<title>Edit ${escaped(title)}`)
  }
})

t.test('pages need no script', async (t) => {
  const { get } = await service(t)
  for (const url of ['/', '/?page=2', '/products/1/edit', '/products/99/edit']) {
    const { body, headers } = await get(url)
    t.notMatch(body, /<script|javascript:|\son[a-z]+=/i, url)
    t.match(headers['content-security-policy'], "default-src 'self'")
  }
})

t.test('the forms add, edit and delete, and lead back to the list', async (t) => {
  const { submit, get, rows } = await service(t)
  const steps: Array<[string, Record<string, string>, string[]]> = [
    ['/products', { title: 'Rye & "oats"', price: '2,50 €' }, ['Rye &amp; &quot;oats&quot;', 'c', 'b', 'a']],
    ['/products/4', { title: 'Rye', price: '3' }, ['Rye', 'c', 'b', 'a']],
    ['/products/2/delete', {}, ['Rye', 'c', 'a']]
  ]
  for (const [url, fields, expected] of steps) {
    await get('/')
    const response = await submit(url, fields)
    t.equal(response.statusCode, 303, url)
    t.equal(response.headers.location, '/')
    t.same(shown((await get('/')).body), expected)
  }
  t.match(rows()[2], { id: 4, title: 'Rye', price: '3', created: '2026-01-01T00:00:00.000Z', updated: '2026-01-01T00:00:00.001Z' })
})

t.test('the form to edit shows what is there', async (t) => {
  const { get } = await service(t)
  const page = await get('/products/1/edit')
  t.equal(page.statusCode, 200)
  t.equal(field(page.body, 'title'), 'a')
  t.equal(field(page.body, 'price'), '1.00')
  t.match(page.body, 'action="/products/1"')
})

t.test('deleting what is gone already leads back as well', async (t) => {
  const { submit, rows } = await service(t)
  const before = rows()
  const response = await submit('/products/99/delete')
  t.equal(response.statusCode, 303)
  t.same(rows(), before)
})

t.test('what is absent, or no id, is a page that says so', async (t) => {
  const { submit, get, rows } = await service(t)
  const before = rows()
  const fields = { title: 'x', price: '1' }
  const pages = [
    [await get('/products/99/edit', { accept: 'text/html' }), 404, 'There is no product 99.'],
    [await submit('/products/99', fields), 404, 'There is no product 99.'],
    [await submit('/products/99', { title: '' }), 404, 'There is no product 99.'],
    [await get('/products/abc/edit', { accept: 'text/html' }), 400, 'params/id must be a positive integer'],
    [await submit('/products/abc', fields), 400, 'params/id must be a positive integer'],
    [await submit('/products/0', { title: '' }), 400, 'params/id must be a positive integer'],
    [await submit('/products/1.5/delete'), 400, 'params/id must be a positive integer']
  ] as const
  for (const [page, status, message] of pages) {
    t.equal(page.statusCode, status)
    t.match(page.headers['content-type'], /^text\/html/)
    t.match(page.body, message)
  }
  t.same(rows(), before)
})

t.test('a refused form comes back with what was typed and what was wrong, and nothing is written', async (t) => {
  const { submit, rows, send } = await service(t)
  const before = rows()
  const long = 'x'.repeat(201)
  const cases: Array<[fields: string | Record<string, string>, title: string, price: string, error: string]> = [
    [{ title: '', price: '2' }, '', '2', 'title must NOT have fewer than 1 characters'],
    [{ title: '  ', price: '2' }, '  ', '2', 'title must not be blank'],
    [{ title: 'Tea', price: ' ' }, 'Tea', ' ', 'price must not be blank'],
    [{ title: long, price: '2' }, long, '2', 'title must NOT have more than 200 characters'],
    [{ title: '"><b>', price: '1'.repeat(21) }, '&quot;&gt;&lt;b&gt;', '1'.repeat(21), 'price must NOT have more than 20 characters'],
    [{ title: 'Tea' }, 'Tea', '', 'must have required property &#39;price&#39;'],
    [{ title: 'Tea', price: '2', id: '7' }, 'Tea', '2', 'must not have the field &#39;id&#39;'],
    ['title=Tea&title=Jam&price=2', '', '2', 'title must be string'],
    ['__proto__=x&title=Tea&price=2', 'Tea', '2', 'must not have the field &#39;__proto__&#39;'],
    ['', '', '', 'must have required property &#39;title&#39;']
  ]
  for (const [fields, title, price, error] of cases) {
    for (const url of ['/products', '/products/1']) {
      const page = await submit(url, fields)
      t.equal(page.statusCode, 400, `${url} ${error}`)
      t.match(page.headers['content-type'], /^text\/html/)
      t.equal(field(page.body, 'title'), title)
      t.equal(field(page.body, 'price'), price)
      t.equal(problem(page.body), error)
      t.match(page.body, `action="${url}"`)
    }
  }
  for (const url of ['/products', '/products/1']) {
    const page = await send('POST', url)
    t.equal(page.statusCode, 400, 'no body at all')
    t.equal(problem(page.body), 'must be object')
  }
  t.same(rows(), before)
})

t.test('a form may have 1 MiB', async (t) => {
  const { submit, rows } = await service(t)
  const before = rows()
  const page = await submit('/products', { title: 'x'.repeat(1024 * 1024), price: '1' })
  t.equal(page.statusCode, 413)
  t.match(page.headers['content-type'], /^text\/html/)
  t.same(rows(), before)
})

t.test('the API takes no forms, and the pages take nothing else', async (t) => {
  const { submit, send, rows } = await service(t)
  const before = rows()
  const fields = { title: 'x', price: '1' }
  t.equal((await submit('/api/products', fields)).statusCode, 415)
  for (const url of ['/products', '/products/1', '/products/1/delete']) {
    t.equal((await send('POST', url, fields)).statusCode, 415, `JSON to ${url}`)
    t.equal((await send('POST', url, 'x', { 'content-type': 'text/plain' })).statusCode, 415, `text to ${url}`)
  }
  t.same(rows(), before)
})

t.test('forms of other sites are refused', async (t) => {
  const posts = (service: Service & { submit: (url: string, fields: Record<string, string>, headers: Record<string, string>) => Promise<{ statusCode: number, body: string }> }, headers: Record<string, string>) => {
    return Promise.all([
      service.submit('/products', { title: 'd', price: '1' }, headers),
      service.submit('/products/1', { title: 'A', price: '1' }, headers),
      service.submit('/products/2/delete', {}, headers)
    ])
  }
  const refused: Array<Record<string, string>> = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: 'http://shop.example' },
    { origin: 'http://evil.example' },
    { origin: 'http://shop.example.evil.example' },
    { origin: 'http://shop.example:8080' },
    { origin: 'null' },
    { origin: '' }
  ]
  const accepted: Array<Record<string, string>> = [
    {},
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'same-origin', origin: 'http://shop.example' },
    { origin: 'http://shop.example' },
    { origin: 'https://shop.example' }
  ]
  for (const headers of refused) {
    const all = await service(t)
    const before = all.rows()
    for (const { statusCode, body } of await posts(all, { host: 'shop.example', ...headers })) {
      t.equal(statusCode, 403, JSON.stringify(headers))
      t.match(body, 'The form was sent from another site and has been rejected.')
    }
    t.same(all.rows(), before)
    t.equal((await all.get('/', { host: 'shop.example', ...headers })).statusCode, 200, 'links from other sites work')
  }
  for (const headers of accepted) {
    for (const { statusCode } of await posts(await service(t), { host: 'shop.example', ...headers })) {
      t.equal(statusCode, 303, JSON.stringify(headers))
    }
  }
})
