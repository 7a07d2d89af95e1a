import type { Test } from 'tap'
import { readErrors, readField, readTitles } from './html.ts'
import type { Service, SetUp } from './service.ts'

const NO_ID = 'The address does not have the number of a product.'

export async function forms (t: Test, setUp: SetUp): Promise<void> {
  t.test('the forms add, edit and delete a product, then redirect to the list', async (t) => {
    const { submit, get, rows } = await setUp()
    const added = ['Rye &amp; &quot;oats&quot;', 'c', 'b', 'a']
    const steps: Array<[string, Record<string, string>, string, string[]]> = [
      ['/products', { title: 'Rye & "oats"', price: '2,50 €' }, '/#product-4', added],
      ['/products/4', { title: 'Rye', price: '3' }, '/#product-4', ['Rye', 'c', 'b', 'a']],
      ['/products/2/delete', {}, '/#notice', ['Rye', 'c', 'a']]
    ]
    for (const [url, fields, location, expected] of steps) {
      await get('/')
      const response = await submit(url, fields)
      t.equal(response.statusCode, 303, url)
      t.equal(response.headers.location, location)
      t.same(readTitles((await get('/')).body), expected)
    }
    const times = { created: '2026-01-01T00:00:00.000Z', updated: '2026-01-01T00:00:00.001Z' }
    t.match((await rows())[2], { id: 4, title: 'Rye', price: '3', ...times })
  })

  t.test('the edit form shows the current values', async (t) => {
    const { get } = await setUp()
    const page = await get('/products/1/edit')
    t.equal(page.statusCode, 200)
    t.equal(readField(page.body, 'title'), 'a')
    t.equal(readField(page.body, 'price'), '1.00')
    t.match(page.body, 'action="/products/1"')
  })

  t.test('deleting an absent product redirects to the list', async (t) => {
    const { submit, rows } = await setUp()
    const before = await rows()
    const response = await submit('/products/99/delete')
    t.equal(response.statusCode, 303)
    t.same(await rows(), before)
  })

  t.test('an absent product is 404 and an invalid id is 400, as a page', async (t) => {
    const { submit, get, rows } = await setUp()
    const before = await rows()
    const fields = { title: 'x', price: '1' }
    const pages = [
      [await get('/products/99/edit', { accept: 'text/html' }), 404, 'There is no product 99.'],
      [await submit('/products/99', fields), 404, 'There is no product 99.'],
      [await submit('/products/99', { title: '' }), 404, 'There is no product 99.'],
      [await get('/products/abc/edit', { accept: 'text/html' }), 400, NO_ID],
      [await submit('/products/abc', fields), 400, NO_ID],
      [await submit('/products/0', { title: '' }), 400, NO_ID],
      [await submit('/products/1.5/delete'), 400, NO_ID]
    ] as const
    for (const [page, status, message] of pages) {
      t.equal(page.statusCode, status)
      t.match(page.headers['content-type'], /^text\/html/)
      t.match(page.body, message)
    }
    t.same(await rows(), before)
  })

  t.test('an invalid form is shown again with its values and an error, and nothing is written', async (t) => {
    const { submit, rows, send } = await setUp()
    const before = await rows()
    const long = 'x'.repeat(201)
    const tooLong = 'Enter a title of at most 200 characters. This one has 201.'
    const cases: Array<[fields: string | Record<string, string>, title: string, price: string, errors: string[]]> = [
      [{ title: '', price: '2' }, '', '2', ['Enter a title.']],
      [{ title: '  ', price: '2' }, '  ', '2', ['Enter a title.']],
      [{ title: '\u200b\u00ad\u2800', price: '2' }, '\u200b\u00ad\u2800', '2', ['Enter a title.']],
      [{ title: '\u0001', price: '2' }, '\u0001', '2', ['Enter a title.']],
      [{ title: 'Tea', price: ' ' }, 'Tea', ' ', ['Enter a price.']],
      [{ title: long, price: ' ' }, long, ' ', [tooLong, 'Enter a price.']],
      [
        { title: '"><b>', price: '1'.repeat(21) }, '&quot;&gt;&lt;b&gt;', '1'.repeat(21),
        ['Enter a price of at most 20 characters. This one has 21.']
      ],
      [{ title: 'Tea' }, 'Tea', '', ['Enter a price.']],
      [
        { title: 'Tea', price: '2', id: '7' }, 'Tea', '2',
        ['The form must not have the field &#39;id&#39;. Load the page again.']
      ],
      ['title=Tea&title=Jam&price=2', '', '2', ['Enter a title.']],
      [
        '__proto__=x&title=Tea&price=2', 'Tea', '2',
        ['The form must not have the field &#39;__proto__&#39;. Load the page again.']
      ],
      ['', '', '', ['Enter a title.', 'Enter a price.']]
    ]
    for (const [fields, title, price, errors] of cases) {
      for (const url of ['/products', '/products/1']) {
        const page = await submit(url, fields)
        t.equal(page.statusCode, 400, `${url} ${errors[0]}`)
        t.match(page.headers['content-type'], /^text\/html/)
        t.equal(readField(page.body, 'title'), title)
        t.equal(readField(page.body, 'price'), price)
        t.same(readErrors(page.body), errors)
        t.match(page.body, `action="${url}"`)
        t.match(page.body, '<title>Error: ')
      }
    }
    for (const url of ['/products', '/products/1']) {
      const page = await send('POST', url)
      t.equal(page.statusCode, 400, 'no body at all')
      t.same(readErrors(page.body), ['Enter a title.', 'Enter a price.'])
    }
    t.same(await rows(), before)
  })

  t.test('a form larger than 1 MiB is 413', async (t) => {
    const { submit, rows } = await setUp()
    const before = await rows()
    const page = await submit('/products', { title: 'x'.repeat(1024 * 1024), price: '1' })
    t.equal(page.statusCode, 413)
    t.match(page.headers['content-type'], /^text\/html/)
    t.same(await rows(), before)
  })

  t.test('the API rejects forms with 415, and the pages reject all other content types', async (t) => {
    const { submit, send, rows } = await setUp()
    const before = await rows()
    const fields = { title: 'x', price: '1' }
    t.equal((await submit('/api/products', fields)).statusCode, 415)
    for (const url of ['/products', '/products/1', '/products/1/delete']) {
      t.equal((await send('POST', url, fields)).statusCode, 415, `JSON to ${url}`)
      t.equal((await send('POST', url, 'x', { 'content-type': 'text/plain' })).statusCode, 415, `text to ${url}`)
    }
    t.same(await rows(), before)
  })

  t.test('forms submitted from another site are rejected with 403', async (t) => {
    const submitAll = ({ submit }: Service, headers: Record<string, string>) => {
      return Promise.all([
        submit('/products', { title: 'd', price: '1' }, headers),
        submit('/products/1', { title: 'A', price: '1' }, headers),
        submit('/products/2/delete', {}, headers)
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
      const all = await setUp()
      const before = await all.rows()
      for (const { statusCode, body } of await submitAll(all, { host: 'shop.example', ...headers })) {
        t.equal(statusCode, 403, JSON.stringify(headers))
        t.match(body, 'The form was sent from another site and has been rejected.')
      }
      t.same(await all.rows(), before)
      t.equal((await all.get('/', { host: 'shop.example', ...headers })).statusCode, 200, 'links from other sites work')
    }
    for (const headers of accepted) {
      for (const { statusCode } of await submitAll(await setUp(), { host: 'shop.example', ...headers })) {
        t.equal(statusCode, 303, JSON.stringify(headers))
      }
    }
  })
}
