import type { Test } from 'tap'
import { listTiming, type Method, type SetUp, STORED } from './service.ts'

const URL = '/api/products'
const EMOJI = '👩' // two UTF-16 units
const product = { title: 'Tea', price: '1.00' }
const NOW = '2026-01-01T00:00:00.000Z'
const METHODS: Array<[Method, object?]> = [['GET'], ['PUT', product], ['PATCH', { title: 'x' }], ['DELETE']]
const a = { id: 1, title: 'a', price: '1.00', created: STORED, updated: STORED }

export async function api (t: Test, setUp: SetUp): Promise<void> {
  t.test('GET lists the products, newest first', async (t) => {
    const { get, other } = await setUp()
    await other.insert([{ title: 'old', created: '2020-01-01T00:00:00Z' }])
    const response = await get(URL)
    t.equal(response.statusCode, 200)
    t.match(response.headers['content-type'], /^application\/json/)
    const list = response.json()
    t.same(Object.keys(list), ['items', 'page', 'limit', 'total'])
    t.match(list, { page: 1, limit: 100, total: 4 })
    t.same(list.items.map(({ title }: { title: string }) => title), ['c', 'b', 'a', 'old'])
    t.same(list.items[2], a)
    t.same(Object.keys(list.items[2]), ['id', 'title', 'price', 'created', 'updated'])
  })

  t.test('GET reports a hit or a miss of the low-level cache in Server-Timing', async (t) => {
    const { get } = await setUp()
    const first = await get(URL)
    const second = await get(URL)
    t.equal(listTiming(first), 'miss')
    t.equal(listTiming(second), 'hit')
    t.equal(second.body, first.body)
    t.equal(listTiming(await get(`${URL}?page=1&limit=100`)), 'hit')
    t.equal(listTiming(await get(`${URL}?page=2`)), undefined)
    t.equal(listTiming(await get(`${URL}?limit=99`)), undefined)
  })

  t.test('GET returns the requested page with the requested limit', async (t) => {
    const { get } = await setUp()
    const page = async (query: string) => {
      const { items, page, limit, total } = (await get(`${URL}?${query}`)).json()
      return [items.map(({ id }: { id: number }) => id), page, limit, total]
    }
    t.same(await page('limit=2'), [[3, 2], 1, 2, 3])
    t.same(await page('limit=2&page=2'), [[1], 2, 2, 3])
    t.same(await page('limit=2&page=3'), [[], 3, 2, 3])
    t.same(await page('limit=1000'), [[3, 2, 1], 1, 1000, 3])
    t.same(await page('page=100&limit=1000'), [[], 100, 1000, 3])
    t.same(await page('unknown=1'), [[3, 2, 1], 1, 100, 3])
  })

  t.test('GET refuses pages that end after 100,000 products, since `after` finds those faster', async (t) => {
    const { get } = await setUp()
    for (const query of ['page=1000000&limit=1000', 'page=101&limit=1000', 'page=1001']) {
      const response = await get(`${URL}?${query}`)
      t.equal(response.statusCode, 400, query)
      t.match(response.json(), { code: 'LARDER_PAGE_TOO_DEEP' })
    }
  })

  t.test('GET rejects an invalid page or limit with 400 and names the parameter', async (t) => {
    const { get } = await setUp()
    for (const query of [
      'page=0', 'page=-1', 'page=1.5', 'page=abc', 'page=', 'page=1000001', 'page=1e400', 'page=1&page=2',
      'limit=0', 'limit=1e400', 'limit=1001', 'limit=x'
    ]) {
      const response = await get(`${URL}?${query}`)
      t.equal(response.statusCode, 400, query)
      const message = `querystring/${query.split('=')[0]} must `
      t.match(response.json(), { statusCode: 400, code: 'FST_ERR_VALIDATION', error: 'Bad Request', message })
    }
  })

  t.test('POST creates a product', async (t) => {
    const { send, get, rows } = await setUp()
    const response = await send('POST', URL, product)
    t.equal(response.statusCode, 201)
    t.equal(response.headers.location, `${URL}/4`)
    t.same(response.json(), { id: 4, ...product, created: NOW, updated: NOW })
    t.same((await get(`${URL}/4`)).json(), response.json())
    t.equal((await rows()).length, 4)
  })

  t.test('POST creates an array of products', async (t) => {
    const { send, rows } = await setUp()
    const response = await send('POST', URL, [product, { title: 'Jam', price: '2' }])
    t.equal(response.statusCode, 201)
    t.equal(response.headers.location, undefined)
    t.same(response.json(), { created: 2, ids: [4, 5] })
    t.match((await rows()).slice(3), [{ id: 4, title: 'Tea' }, { id: 5, title: 'Jam' }])
    t.same((await send('POST', URL, [])).json(), { created: 0, ids: [] })
  })

  t.test('GET, PUT, PATCH and DELETE read and change one product', async (t) => {
    const { send, get, rows, clock } = await setUp()
    const found = await get(`${URL}/1`)
    t.equal(found.statusCode, 200)
    t.same(found.json(), a)

    const put = await send('PUT', `${URL}/1`, product)
    t.equal(put.statusCode, 200)
    t.same(put.json(), { id: 1, ...product, created: STORED, updated: NOW })

    clock.advance(1)
    const patch = await send('PATCH', `${URL}/1`, { price: '3' })
    t.equal(patch.statusCode, 200)
    t.same(patch.json(), { id: 1, title: 'Tea', price: '3', created: STORED, updated: '2026-01-01T00:00:01.000Z' })
    const second = await send('PATCH', `${URL}/1`, { title: 'Chai' })
    t.match(second.json(), { title: 'Chai', price: '3', updated: '2026-01-01T00:00:01.001Z' })
    const third = await send('PUT', `${URL}/1`, { title: 'Chai', price: '3' })
    t.match(third.json(), { updated: '2026-01-01T00:00:01.002Z' })

    const deleted = await send('DELETE', `${URL}/1`)
    t.equal(deleted.statusCode, 204)
    t.equal(deleted.body, '')
    t.equal((await get(`${URL}/1`)).statusCode, 404)
    t.equal((await rows()).length, 2)
  })

  t.test('an absent product and an unknown URL are 404', async (t) => {
    const { send, rows } = await setUp()
    const before = await rows()
    for (const id of [99, Number.MAX_SAFE_INTEGER]) {
      for (const [method, payload] of METHODS) {
        const response = await send(method, `${URL}/${id}`, payload)
        t.equal(response.statusCode, 404, `${method} ${id}`)
        const message = `There is no product ${id}.`
        t.same(response.json(), { statusCode: 404, code: 'LARDER_PRODUCT_NOT_FOUND', error: 'Not Found', message })
      }
    }
    const unknown: Array<[Method, string]> = [
      ['POST', `${URL}/1`], ['PUT', URL], ['GET', `${URL}/1/2`], ['GET', '/api']
    ]
    for (const [method, url] of unknown) {
      const response = await send(method, url, method === 'GET' ? undefined : product)
      t.match(response.json(), { statusCode: 404, message: `There is nothing at ${method} ${url}.` })
    }
    t.same(await rows(), before)
  })

  t.test('an invalid id is 400 and names the parameter', async (t) => {
    const { send, rows } = await setUp()
    const before = await rows()
    for (const id of [
      'abc', '0', '-1', '1.5', '9007199254740992', '1e400', 'NaN', 'null', 'true', '1abc', '%20', '1%2C2',
      '0x1', '1e0', '1.0', '01', '+1', '%201', '9'.repeat(200)
    ]) {
      for (const [method, payload] of METHODS) {
        const response = await send(method, `${URL}/${id}`, payload)
        t.equal(response.statusCode, 400, `${method} ${id}`)
        const message = 'params/id must '
        t.match(response.json(), { statusCode: 400, code: 'FST_ERR_VALIDATION', error: 'Bad Request', message })
      }
    }
    t.same(await rows(), before)
  })

  t.test('PATCH updates products in bulk by ids, by title, or all', async (t) => {
    const { send, rows, clock } = await setUp()
    const update = async (where: object, set: object) => {
      const response = await send('PATCH', URL, { where, set })
      t.equal(response.statusCode, 200)
      return response.json()
    }
    t.same(await update({ ids: [1, 3, 3, 99] }, { title: 'x' }), { updated: 2 })
    t.match(await rows(), [
      { title: 'x', price: '1.00', created: STORED, updated: NOW },
      { title: 'b', updated: STORED },
      { title: 'x', updated: NOW }
    ])
    clock.advance(1)
    t.same(await update({ title: 'x' }, { price: '7' }), { updated: 2 })
    t.match(await rows(), [
      { title: 'x', price: '7', updated: '2026-01-01T00:00:01.000Z' },
      { title: 'b', price: '1.00' },
      { title: 'x', price: '7' }
    ])
    t.same(await update({}, { title: 'y', price: '8' }), { updated: 3 })
    t.match(await rows(), [
      { title: 'y', price: '8', updated: '2026-01-01T00:00:01.001Z' },
      { title: 'y', price: '8', updated: '2026-01-01T00:00:01.000Z' },
      { title: 'y', price: '8', updated: '2026-01-01T00:00:01.001Z' }
    ])
    t.same(await update({ ids: [] }, { title: 'z' }), { updated: 0 })
    t.same(await update({ title: 'absent' }, { title: 'z' }), { updated: 0 })
  })

  t.test('DELETE deletes products in bulk by ids', async (t) => {
    const { send, rows } = await setUp()
    const response = await send('DELETE', `${URL}?id=1&id=3&id=3&id=99`)
    t.equal(response.statusCode, 200)
    t.same(response.json(), { deleted: 2 })
    t.match(await rows(), [{ id: 2 }])
    t.same((await send('DELETE', `${URL}?id=1`)).json(), { deleted: 0 })
    t.same((await send('DELETE', `${URL}?id=2`)).json(), { deleted: 1 })
  })

  t.test('the list is a miss after every mutation and shows it', async (t) => {
    const { send, get } = await setUp()
    const steps: Array<[Method, string, unknown, string]> = [
      ['POST', URL, { title: 'd', price: '1' }, 'dcba'],
      ['POST', URL, [{ title: 'e', price: '1' }, { title: 'f', price: '1' }], 'fedcba'],
      ['PUT', `${URL}/1`, { title: 'A', price: '2' }, 'fedcbA'],
      ['PATCH', `${URL}/2`, { title: 'B' }, 'fedcBA'],
      ['PATCH', URL, { where: { ids: [1, 2] }, set: { title: 'x' } }, 'fedcxx'],
      ['PATCH', URL, { where: { title: 'x' }, set: { title: 'y' } }, 'fedcyy'],
      ['DELETE', `${URL}/3`, undefined, 'fedyy'],
      ['DELETE', `${URL}?id=1&id=2`, undefined, 'fed'],
      ['PATCH', URL, { where: {}, set: { title: 'z' } }, 'zzz']
    ]
    for (const [method, url, payload, expected] of steps) {
      await get(URL)
      t.equal(listTiming(await get(URL)), 'hit')
      await send(method, url, payload)
      const list = await get(URL)
      t.equal(listTiming(list), 'miss', `${method} ${url}`)
      t.equal(list.json().items.map(({ title }: { title: string }) => title).join(''), expected, `${method} ${url}`)
    }
  })

  t.test('maxLength counts code points', async (t) => {
    const { send } = await setUp()
    const longest = { title: EMOJI.repeat(200), price: EMOJI.repeat(20) }
    const created = await send('POST', URL, longest)
    t.equal(created.statusCode, 201)
    t.match(created.json(), longest)
    t.equal((await send('PUT', `${URL}/1`, longest)).statusCode, 200)
    const longTitle = await send('POST', URL, { title: EMOJI.repeat(201), price: '1' })
    t.equal(longTitle.json().message, 'body/title must NOT have more than 200 characters')
    const longPrice = await send('POST', URL, { title: 'x', price: EMOJI.repeat(21) })
    t.equal(longPrice.json().message, 'body/price must NOT have more than 20 characters')
  })

  t.test('text is stored and returned unchanged', async (t) => {
    const { send, get } = await setUp()
    for (const title of [
      '<script>alert(1)</script>', "'; DROP TABLE products; --", ' Ω 👩‍🌾 ', '%s $1 ?1', '__proto__'
    ]) {
      const { id } = (await send('POST', URL, { title, price: '1' })).json()
      t.equal((await get(`${URL}/${id}`)).json().title, title)
    }
  })
}
