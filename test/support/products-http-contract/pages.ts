import type { Test } from 'tap'
import { readErrors, readField, readTitles } from './html.ts'
import { listTiming, type SetUp } from './service.ts'

const HOSTILE = [
  '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "' onfocus='alert(1)", '&lt;b&gt; & <b>',
  '<% it.title %>', '<%= 7 * 7 %>'
]
const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escape = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)

export async function pages (t: Test, setUp: SetUp): Promise<void> {
  t.test('GET / shows titles and prices, newest first', async (t) => {
    const { get, send } = await setUp()
    await send('PATCH', '/api/products/2', { price: '12.34' })
    const page = await get('/')
    t.equal(page.statusCode, 200)
    t.equal(page.headers['content-type'], 'text/html; charset=utf-8')
    t.same(readTitles(page.body), ['c', 'b', 'a'])
    t.match(page.body, '<td class="number" data-label="Price">12.34</td>')
    t.match(page.body, '3 products')
    t.equal(readField(page.body, 'title'), '')
    t.same(readErrors(page.body), [])
  })

  t.test('GET / reports a hit or a miss of the low-level cache in Server-Timing', async (t) => {
    const { get, submit } = await setUp()
    t.equal(listTiming(await get('/')), 'miss')
    t.equal(listTiming(await get('/')), 'hit')
    t.equal(listTiming(await get('/?page=1')), 'hit')
    t.equal(listTiming(await get('/api/products')), 'hit')
    t.equal(listTiming(await get('/?page=2')), undefined)
    await submit('/products/1/delete')
    t.equal(listTiming(await get('/')), 'miss')
  })

  t.test('GET / shows 100 products per page', async (t) => {
    const { get, send } = await setUp()
    await send('POST', '/api/products', Array.from({ length: 202 }, (_, i) => ({ title: `n${i + 1}`, price: '1' })))
    const page = async (query: string) => {
      const { body } = await get(`/${query}`)
      const titles = readTitles(body)
      const link = (rel: string) => new RegExp(`rel="${rel}" href="([^"]*)"`).exec(body)?.[1]
      const next = link('next')?.replace(/after=\d+(\.\d+)?_/, 'after=TIME_')
      return [titles.length, titles[0], link('prev'), /Page \d+ of \d+/.exec(body)?.[0], next]
    }
    t.same(await page(''), [100, 'n202', undefined, 'Page 1 of 3', '/?page=2&amp;after=TIME_106'])
    t.same(await page('?page=2'), [100, 'n102', '/?page=1', 'Page 2 of 3', '/?page=3&amp;after=TIME_6'])
    t.same(await page('?page=3'), [5, 'n2', '/?page=2', 'Page 3 of 3', undefined])
    for (const number of [4, 9, 1_000, 1_000_000]) {
      const { statusCode, headers } = await get(`/?page=${number}`)
      t.equal(statusCode, 302, 'a page beyond the last leads to the last')
      t.equal(headers.location, number > 1_000 ? '/?page=1000' : '/?page=3')
    }
  })

  t.test('GET / states its order, and shows the column by which it is sorted', async (t) => {
    const { get } = await setUp()
    const { body } = await get('/')
    t.match(body, '3 products, newest first')
    t.match(body, /<th scope="col" aria-sort="descending">Created /)
    t.match(body, /data-label="Created \(UTC\)">\s*<time datetime="2025-12-31T00:00:00.000Z">/)
  })

  t.test('GET / shows times that other programs have written', async (t) => {
    const { get, other } = await setUp()
    await other.insert([{ title: 'x', updated: '2026-01-31 12:00Z' }])
    t.match((await get('/')).body, '<time datetime="2026-01-31T12:00:00.000Z">2026-01-31 12:00</time>')
  })

  t.test('GET / says that there are no products', async (t) => {
    const { get, other } = await setUp()
    await other.exec('DELETE FROM products')
    const { body } = await get('/')
    t.match(body, 'There are no products yet.')
    t.match(body, '0 products')
  })

  t.test('GET / rejects an invalid page with 400', async (t) => {
    const { get } = await setUp()
    for (const page of ['0', '-1', 'x', '', '1e400', '1&page=2']) {
      const response = await get(`/?page=${page}`, { accept: 'text/html' })
      t.equal(response.statusCode, 400, page)
      t.match(response.headers['content-type'], /^text\/html/)
      t.match(response.body, 'The list has no such page. Pages are numbered from 1.')
      t.match(response.body, '<a href="/">Back to the products</a>')
    }
  })

  t.test('titles and prices are escaped in HTML', async (t) => {
    const { get, send } = await setUp()
    await send('POST', '/api/products', HOSTILE.map((title) => ({ title, price: title.slice(0, 20) })))
    const { body } = await get('/')
    t.same(readTitles(body).slice(0, HOSTILE.length).reverse(), HOSTILE.map(escape))
    for (const [i, title] of HOSTILE.entries()) {
      t.notMatch(body, title.includes('<') ? title : '\0')
      const edit = (await get(`/products/${i + 4}/edit`)).body
      t.equal(readField(edit, 'title'), escape(title))
      t.equal(readField(edit, 'price'), escape(title.slice(0, 20)))
      t.match(edit, `<title>Edit ${escape(title)}`)
    }
  })

  t.test('product pages contain no JavaScript', async (t) => {
    const { get } = await setUp()
    for (const url of ['/', '/?page=2', '/products/1/edit', '/products/99/edit']) {
      const { body, headers } = await get(url)
      t.notMatch(body, /<script|javascript:|\son[a-z]+=/i, url)
      t.match(headers['content-security-policy'], "default-src 'self'")
    }
  })
}
