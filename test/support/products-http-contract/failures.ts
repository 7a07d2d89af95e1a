import type { Test } from 'tap'
import type { DatabaseKind } from '../product-databases.ts'
import { buildService, INTERNAL, type Method } from './service.ts'

const URL = '/api/products'

/** What clients get when the database fails. Each test has a service of its own. */
export async function failures (t: Test, kind: DatabaseKind): Promise<void> {
  t.test('a database error is 500 and reveals no internals', async (t) => {
    const { send, get, other } = await (await buildService(t, kind))()
    await other.exec('DROP TABLE products')
    const product = { title: 'x', price: '1' }
    for (const [method, url, payload] of [
      ['GET', URL],
      ['GET', `${URL}?page=2`],
      ['GET', `${URL}/1`],
      ['POST', URL, product],
      ['POST', URL, [product]],
      ['PUT', `${URL}/1`, product],
      ['PATCH', `${URL}/1`, product],
      ['PATCH', URL, { where: {}, set: product }],
      ['DELETE', `${URL}/1`],
      ['DELETE', `${URL}?id=1`]
    ] as Array<[Method, string, object?]>) {
      const response = await send(method, url, payload)
      t.equal(response.statusCode, 500, `${method} ${url}`)
      t.same(response.json(), INTERNAL)
      t.equal(response.headers['cache-control'], 'no-store')
    }
    const page = await get('/', { accept: 'text/html' })
    t.equal(page.statusCode, 500)
    t.match(page.body, 'Something went wrong on our side.')
    t.notMatch(page.body, /no such table|does not exist|SELECT|SqliteError|node_modules|\.ts\b/)
  })
}
