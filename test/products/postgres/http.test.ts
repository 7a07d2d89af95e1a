import t from 'tap'
import { postgres } from '../../support/product-databases.ts'
import { productsHttpContract } from '../../support/products-http-contract/index.ts'
import type { Part } from '../../support/products-http-contract/service.ts'

const infiniteTimes: Part = async (t, setUp) => {
  const { get, send, other } = await setUp()
  await other.insert([
    { title: 'x', created: '-infinity', updated: 'infinity' }, { title: 'y', updated: '294276-12-31 23:59:59.999Z' }
  ])
  const { statusCode, body } = await get('/')
  t.equal(statusCode, 200)
  t.match(body, 'infinity')
  t.match((await get('/api/products/4')).json(), { created: '-infinity', updated: 'infinity' })
  t.match((await get('/api/products/5')).json(), { updated: '+275760-09-13T00:00:00.000Z' }, 'the last of JavaScript')
  t.equal((await send('PATCH', '/api/products', { where: {}, set: { price: '2' } })).json().updated, 5)
  for (const id of [4, 5]) t.match((await get(`/api/products/${id}`)).json(), { updated: '2026-01-01T00:00:00.000Z' })
}

await productsHttpContract(t, postgres, [infiniteTimes])
