import type { Test } from 'tap'
import { INTERNAL, type SetUp } from './service.ts'

const URL = '/api/products'

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
}
