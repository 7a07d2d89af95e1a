import type { Test } from 'tap'
import { readErrors } from './html.ts'
import type { Method, SetUp } from './service.ts'

/* Text that a database would change or refuse. */

const URL = '/api/products'
const BROKEN: Array<[text: string, part: string]> = [
  ['a\0b', 'NUL'],
  ['\0', 'NUL'],
  ['a\ud800', 'a lone surrogate'],
  ['\udc00b', 'a lone surrogate'],
  ['\udc00\ud800', 'a lone surrogate']
]
const product = { title: 'Tea', price: '1.00' }

export async function unstorableText (t: Test, setUp: SetUp): Promise<void> {
  t.test('NUL and lone surrogates are 400 in any text, and nothing is written', async (t) => {
    const { send, rows } = await setUp()
    const before = await rows()
    const texts: Array<[Method, string, (text: string) => unknown, string]> = [
      ['POST', URL, (title) => ({ ...product, title }), 'body/title'],
      ['POST', URL, (price) => ({ ...product, price }), 'body/price'],
      ['POST', URL, (title) => [product, product, { ...product, title }], 'body/2/title'],
      ['PUT', `${URL}/1`, (title) => ({ ...product, title }), 'body/title'],
      ['PATCH', `${URL}/1`, (title) => ({ title }), 'body/title'],
      ['PATCH', `${URL}/1`, (price) => ({ price }), 'body/price'],
      ['PATCH', URL, (title) => ({ where: { title }, set: { price: '1' } }), 'body/where/title'],
      ['PATCH', URL, (title) => ({ where: {}, set: { title } }), 'body/set/title'],
      ['PATCH', URL, (price) => ({ where: { ids: [1] }, set: { price } }), 'body/set/price']
    ]
    for (const [text, part] of BROKEN) {
      for (const [method, url, makeBody, field] of texts) {
        const response = await send(method, url, makeBody(text))
        const what = `${method} ${url} ${JSON.stringify(makeBody(text))}`
        t.equal(response.statusCode, 400, what)
        t.match(response.json(), { code: 'FST_ERR_VALIDATION', message: `${field} must not contain ${part}` }, what)
      }
    }
    t.same(await rows(), before)
  })

  t.test('a body that is not valid UTF-8 is 400, and nothing is written', async (t) => {
    const { app, rows } = await setUp()
    const before = await rows()
    const invalid = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe9, 0x20], [0x80]]
    for (const [method, url] of [['POST', URL], ['PUT', `${URL}/1`], ['PATCH', `${URL}/1`], ['PATCH', URL]] as const) {
      for (const bytes of invalid) {
        const payload = Buffer.concat([Buffer.from('{"price":"1","title":"'), Buffer.from(bytes), Buffer.from('"}')])
        for (const type of ['application/json', 'application/json; charset=iso-8859-1']) {
          const response = await app.inject({ method, url, headers: { 'content-type': type }, payload })
          t.equal(response.statusCode, 400)
          t.equal(response.json().code, 'LARDER_INVALID_UTF8', payload.toString('hex'))
        }
      }
    }
    t.same(await rows(), before)
  })

  t.test('a body with a byte order mark is read', async (t) => {
    const { send } = await setUp()
    const response = await send('POST', URL, `\ufeff${JSON.stringify(product)}`)
    t.equal(response.statusCode, 201)
    t.equal(response.json().title, product.title)
  })

  t.test('other text is stored as it was sent, also outside the Basic Multilingual Plane', async (t) => {
    const { send } = await setUp()
    for (const title of ['\u0001\u007f', '🐴', '\ufffd\uffff', 'a\u2028b', 'e\u0301', '\ufeffTea']) {
      const { id } = (await send('POST', URL, { ...product, title })).json()
      t.equal((await send('GET', `${URL}/${id}`)).json().title, title)
    }
  })

  t.test('NUL in a query string is 400, and names the parameter', async (t) => {
    const { send, rows } = await setUp()
    const before = await rows()
    const queries: Array<[Method, string, string]> = [
      ['GET', `${URL}?page=1%00`, 'querystring/page must be integer'],
      ['GET', `${URL}?limit=%00`, 'querystring/limit must be integer'],
      ['GET', `${URL}?other=a%00b`, 'querystring/other must not contain NUL'],
      ['GET', `${URL}/1%00`, 'params/id must be a positive integer'],
      ['DELETE', `${URL}?id=1&id=2%00`, 'querystring/id/1 must be a positive integer']
    ]
    for (const [method, url, message] of queries) {
      const response = await send(method, url)
      t.equal(response.statusCode, 400, url)
      t.equal(response.json().message, message, url)
    }
    t.same(await rows(), before)
  })

  t.test('NUL in a form is 400, and the form is shown again with an error', async (t) => {
    const { submit, rows } = await setUp()
    const before = await rows()
    for (const url of ['/products', '/products/1']) {
      for (const field of ['title', 'price']) {
        const response = await submit(url, { ...product, [field]: 'a\0b' })
        t.equal(response.statusCode, 400)
        t.match(readErrors(response.body), [`Enter a ${field} without characters that cannot be stored`])
      }
    }
    t.same(await rows(), before)
  })
}
