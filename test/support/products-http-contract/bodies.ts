import type { Test } from 'tap'
import type { Method, SetUp } from './service.ts'

const URL = '/api/products'
const MIB = 1024 * 1024
const TOO_LARGE = { statusCode: 413, code: 'FST_ERR_CTP_BODY_TOO_LARGE', error: 'Payload Too Large' }

/** Pads JSON with white space to so many bytes. */
const padded = (value: unknown, bytes: number) => JSON.stringify(value).padEnd(bytes)
const many = (count: number, title = 'x') => Array.from({ length: count }, (_, i) => ({ title, price: String(i + 1) }))

/** The size of bodies. It is checked before the database gets anything, so one kind of database is enough. */
export async function bodies (t: Test, setUp: SetUp): Promise<void> {
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
