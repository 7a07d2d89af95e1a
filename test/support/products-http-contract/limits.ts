import type { Test } from 'tap'
import { INTERNAL, type Method, type SetUp } from './service.ts'

const URL = '/api/products'
const MIB = 1024 * 1024
const TOO_LARGE = { statusCode: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE', error: 'Payload Too Large' }

/** Pads JSON with white space to so many bytes. */
const padded = (value: unknown, bytes: number) => JSON.stringify(value).padEnd(bytes)
const many = (count: number, title = 'x') => Array.from({ length: count }, (_, i) => ({ title, price: String(i + 1) }))

export async function limits (t: Test, setUp: SetUp): Promise<void> {
  t.test('POST creates up to 10,000 products in one request, all or none', async (t) => {
    const { send, rows } = await setUp()
    const before = await rows()
    const spoilt = await send('POST', URL, [...many(9_999), { title: 'x', price: '' }])
    t.equal(spoilt.statusCode, 400)
    t.equal(spoilt.json().message, 'body/9999/price must NOT have fewer than 1 characters')
    t.same(await rows(), before)

    const more = await send('POST', URL, many(10_001))
    t.equal(more.statusCode, 400)
    t.equal(more.json().message, 'body must NOT have more than 10000 items')
    t.same(await rows(), before)

    const created = await send('POST', URL, many(10_000))
    t.equal(created.statusCode, 201)
    const { created: count, ids } = created.json()
    t.equal(count, 10_000)
    t.same([ids.length, ids[0], ids[9_999]], [10_000, 4, 10_003])
    t.equal((await rows()).length, 10_003)
    t.same((await send('PATCH', URL, { where: { ids }, set: { title: 'y' } })).json(), { updated: 10_000 })
  })

  t.test('an error in the middle of createMany rolls back all products', async (t) => {
    const { send, rows, other } = await setUp()
    await other.exec("CREATE UNIQUE INDEX picky ON products (price) WHERE price = '500'")
    t.teardown(() => other.exec('DROP INDEX picky'))
    await other.insert([{ title: 'a', price: '500' }])
    const before = await rows()
    const response = await send('POST', URL, many(1_000))
    t.equal(response.statusCode, 500)
    t.same(response.json(), INTERNAL)
    t.same(await rows(), before)
  })

  t.test('a body larger than 1 MiB is 413', async (t) => {
    const { send, rows } = await setUp()
    const product = { title: 'Tea', price: '1' }
    t.equal((await send('POST', URL, padded(product, MIB))).statusCode, 201)
    t.equal((await send('PUT', `${URL}/1`, padded(product, MIB))).statusCode, 200)
    t.equal((await send('PATCH', `${URL}/1`, padded(product, MIB))).statusCode, 200)
    t.equal((await send('PATCH', URL, padded({ where: {}, set: product }, MIB))).statusCode, 200)

    const before = await rows()
    for (const [method, url, payload] of [
      ['POST', URL, product],
      ['PUT', `${URL}/1`, product],
      ['PATCH', `${URL}/1`, product],
      ['PATCH', URL, { where: {}, set: product }]
    ] as Array<[Method, string, object]>) {
      const response = await send(method, url, padded(payload, MIB + 1))
      t.equal(response.statusCode, 413, `${method} ${url}`)
      t.match(response.json(), { ...TOO_LARGE, message: /^Request body is too large/ })
    }
    const long = await send('POST', URL, { title: 'é'.repeat(MIB / 2), price: '1' })
    t.equal(long.statusCode, 413, 'bytes are counted, not characters')
    t.same(await rows(), before)
  })

  t.test('an array of products larger than 8 MiB is 413', async (t) => {
    const { send, rows } = await setUp()
    const large = many(9_000, '👩'.repeat(200))
    const bytes = Buffer.byteLength(JSON.stringify(large))
    t.ok(bytes > 7 * MIB && bytes < 8 * MIB, `${bytes} bytes`)
    const response = await send('POST', URL, large)
    t.equal(response.statusCode, 201)
    t.equal(response.json().created, 9_000)

    t.equal((await send('POST', URL, padded(many(1), 8 * MIB))).statusCode, 201)
    const before = await rows()
    const over = await send('POST', URL, padded(many(1), 8 * MIB + 1))
    t.equal(over.statusCode, 413)
    t.match(over.json(), TOO_LARGE)
    t.same(await rows(), before)
  })
}
