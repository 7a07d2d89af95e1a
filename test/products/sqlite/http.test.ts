import t from 'tap'
import { sqlite } from '../../support/product-databases.ts'
import { bodies } from '../../support/products-http-contract/bodies.ts'
import { productsHttpContract } from '../../support/products-http-contract/index.ts'
import type { Part } from '../../support/products-http-contract/service.ts'

const textsAsTimes: Part = async (t, setUp) => {
  const { get, other } = await setUp()
  await other.insert([
    { title: 'x', created: 'yesterday', updated: '<yesterday>' }, { title: 'y', updated: '2026-01-31 12:00' }
  ])
  const { statusCode, body } = await get('/')
  t.equal(statusCode, 200)
  t.match(body, '&lt;yesterday&gt;')
  t.match(body, '<time datetime="2026-01-31T12:00:00.000Z">2026-01-31 12:00</time>')
  t.match((await get('/api/products/4')).json(), { created: 'yesterday', updated: '<yesterday>' })
}

await productsHttpContract(t, sqlite, [bodies, textsAsTimes])
