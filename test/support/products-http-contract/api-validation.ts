import type { Test } from 'tap'
import type { Method, SetUp } from './service.ts'

const URL = '/api/products'
const product = { title: 'Tea', price: '1.00' }
const WRITES: Array<[Method, string]> = [['POST', URL], ['PUT', `${URL}/1`], ['PATCH', `${URL}/1`], ['PATCH', URL]]

export async function apiValidation (t: Test, setUp: SetUp): Promise<void> {
  t.test('an invalid body is 400, names the field, and nothing is written', async (t) => {
    const { send, rows } = await setUp()
    const before = await rows()
    const rejects = async (method: Method, url: string, payload: unknown, message: string) => {
      const response = await send(method, url, payload)
      const what = `${method} ${url} ${JSON.stringify(payload)?.slice(0, 80)}`
      t.equal(response.statusCode, 400, what)
      t.same(response.json(), { statusCode: 400, code: 'FST_ERR_VALIDATION', error: 'Bad Request', message }, what)
      t.same(await rows(), before, what)
    }

    const whole: Array<[unknown, string]> = [
      [{}, " must have required property 'title'"],
      [{ title: 'x' }, " must have required property 'price'"],
      [{ price: '1' }, " must have required property 'title'"],
      [null, ' must be object'],
      ['"text"', ' must be object'],
      [7, ' must be object']
    ]
    const fields: Array<[object, string]> = [
      [{ title: 'x', price: '1', colour: 'red' }, " must not have the field 'colour'"],
      [{ title: 'x', price: '1', id: 7 }, " must not have the field 'id'"],
      [{ title: 'x', price: '1', updated: '2026-01-01' }, " must not have the field 'updated'"],
      [{ title: 5, price: '1' }, '/title must be string'],
      [{ title: 'x', price: 1.5 }, '/price must be string'],
      [{ title: true, price: '1' }, '/title must be string'],
      [{ title: null, price: '1' }, '/title must be string'],
      [{ title: ['x'], price: '1' }, '/title must be string'],
      [{ title: { x: 1 }, price: '1' }, '/title must be string'],
      [{ title: '', price: '1' }, '/title must NOT have fewer than 1 characters'],
      [{ title: 'x', price: '' }, '/price must NOT have fewer than 1 characters'],
      [{ title: ' \t\n\u00a0\u2003', price: '1' }, '/title must not be blank'],
      [{ title: '\u200b\u00ad\u2060\u3164\u2800', price: '1' }, '/title must not be blank'],
      [{ title: 'x', price: '   ' }, '/price must not be blank'],
      [{ title: 'x'.repeat(201), price: '1' }, '/title must NOT have more than 200 characters'],
      [{ title: 'x', price: '1'.repeat(21) }, '/price must NOT have more than 20 characters']
    ]

    t.test('one product', async () => {
      for (const [payload, message] of [...whole, ...fields]) {
        await rejects('POST', URL, payload, `body${message}`)
        await rejects('PUT', `${URL}/1`, payload, `body${message}`)
      }
      await rejects('PUT', `${URL}/1`, [product], 'body must be object')
    })
    t.test('an array of products', async () => {
      for (const [payload, message] of [...whole.slice(0, 4), ...fields]) {
        await rejects('POST', URL, [product, product, payload, product], `body/2${message}`)
      }
      await rejects('POST', URL, [[product]], 'body/0 must be object')
    })
    t.test('changes to a product', async () => {
      for (const [payload, message] of [...whole.slice(3), ...fields]) {
        await rejects('PATCH', `${URL}/1`, payload, `body${message}`)
      }
      await rejects('PATCH', `${URL}/1`, {}, 'body must NOT have fewer than 1 properties')
      await rejects('PATCH', `${URL}/1`, [product], 'body must be object')
    })
    t.test('changes in bulk', async () => {
      for (const [set, message] of [...whole.slice(3, 4), ...fields]) {
        await rejects('PATCH', URL, { where: {}, set }, `body/set${message}`)
      }
      const set = { title: 'x' }
      await rejects('PATCH', URL, { where: {}, set: {} }, 'body/set must NOT have fewer than 1 properties')
      await rejects('PATCH', URL, { set }, "body must have required property 'where'")
      await rejects('PATCH', URL, { where: {} }, "body must have required property 'set'")
      await rejects('PATCH', URL, { where: {}, set, limit: 1 }, "body must not have the field 'limit'")
      await rejects('PATCH', URL, { where: null, set }, 'body/where must be object')
      await rejects('PATCH', URL, { where: [], set }, 'body/where must be object')
      const both = { ids: [1], title: 'a' }
      await rejects('PATCH', URL, { where: both, set }, 'body/where must NOT have more than 1 properties')
      await rejects('PATCH', URL, { where: { id: 1 }, set }, "body/where must not have the field 'id'")
      await rejects('PATCH', URL, { where: { price: '1.00' }, set }, "body/where must not have the field 'price'")
      await rejects('PATCH', URL, { where: { ids: 1 }, set }, 'body/where/ids must be array')
      await rejects('PATCH', URL, { where: { ids: null }, set }, 'body/where/ids must be array')
      await rejects('PATCH', URL, { where: { ids: [1, '2'] }, set }, 'body/where/ids/1 must be integer')
      await rejects('PATCH', URL, { where: { ids: [1, 2, 1.5] }, set }, 'body/where/ids/2 must be integer')
      await rejects('PATCH', URL, '{"where":{"ids":[1e400]},"set":{"title":"x"}}', 'body/where/ids/0 must be integer')
      await rejects('PATCH', URL, { where: { ids: [0] }, set }, 'body/where/ids/0 must be >= 1')
      const many = Array(10_001).fill(1)
      await rejects('PATCH', URL, { where: { ids: many }, set }, 'body/where/ids must NOT have more than 10000 items')
      await rejects('PATCH', URL, { where: { title: 7 }, set }, 'body/where/title must be string')
      await rejects('PATCH', URL, { where: { title: null }, set }, 'body/where/title must be string')
    })
    t.test('a missing body', async () => {
      for (const [method, url] of WRITES) {
        await rejects(method, url, undefined, 'body must be object')
      }
    })
  })

  t.test('an invalid bulk delete is 400, names the parameter, and nothing is written', async (t) => {
    const { send, rows } = await setUp()
    const before = await rows()
    for (const [query, message] of [
      ['', "querystring must have required property 'id'"],
      ['?ids=1', "querystring must have required property 'id'"],
      ['?id=', 'querystring/id/0 must be a positive integer'],
      ['?id=abc', 'querystring/id/0 must be a positive integer'],
      ['?id=1&id=x', 'querystring/id/1 must be a positive integer'],
      ['?id=1,2', 'querystring/id/0 must be a positive integer'],
      ['?id=0x9', 'querystring/id/0 must be a positive integer'],
      ['?id=1e1', 'querystring/id/0 must be a positive integer'],
      ['?id=0', 'querystring/id/0 must be a positive integer'],
      ['?id=1&id=2&id=-3', 'querystring/id/2 must be a positive integer'],
      ['?id=9007199254740992', 'querystring/id/0 must be a positive integer'],
      ['?id=1e400', 'querystring/id/0 must be a positive integer']
    ] as const) {
      const response = await send('DELETE', `${URL}${query}`)
      t.equal(response.statusCode, 400, query)
      t.same(response.json(), { statusCode: 400, code: 'FST_ERR_VALIDATION', error: 'Bad Request', message })
    }
    t.same(await rows(), before)
  })

  t.test('an unreadable body is 400, an unknown content type 415, and nothing is written', async (t) => {
    const { send, rows } = await setUp()
    const before = await rows()
    for (const [method, url] of WRITES) {
      for (const payload of [
        '', '{', '{"title":"x","price":"1"', "{'title':'x'}", '[{}', 'title=x&price=1',
        '{"title":"x","price":"1","__proto__":{"title":"y"}}',
        '{"__proto__":{"title":"x","price":"1"}}',
        '{"title":"x","price":"1","constructor":{"prototype":{"x":1}}}'
      ]) {
        const response = await send(method, url, payload)
        t.equal(response.statusCode, 400, `${method} ${url} ${payload}`)
        t.match(response.json(), { statusCode: 400, error: 'Bad Request', message: String })
      }
      for (const type of [
        'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/xml',
        'application/jsonp'
      ]) {
        const response = await send(method, url, JSON.stringify(product), { 'content-type': type })
        t.equal(response.statusCode, 415, `${method} ${url} ${type}`)
        const error = 'Unsupported Media Type'
        t.match(response.json(), { statusCode: 415, code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE', error })
      }
    }
    t.same(await rows(), before)
    const headers = { 'content-type': 'application/json; charset=utf-8' }
    t.equal((await send('POST', URL, JSON.stringify(product), headers)).statusCode, 201)
  })
}
