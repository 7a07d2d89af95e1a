import Fastify from 'fastify'
import t from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import validation from '../../src/plugins/validation.ts'
import { products } from '../../src/products/index.ts'

t.test('an error in a subscriber is logged and does not fail the change', async (t) => {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'error', stream: { write: (line) => { lines.push(line) } } } })
  const database = openDatabase('file::memory:')
  t.teardown(async () => { await app.close(); await database.close() })
  const cache = createCache({ store: memoryStore() })
  cache.delete = () => { throw new Error('oops') }
  await app.register(validation)
  await app.register(products, { database, cache, now: Date.now })
  const payload = { title: 'Figs', price: '3' }
  const { statusCode } = await app.inject({ method: 'POST', url: '/api/products', payload })
  t.equal(statusCode, 201)
  t.match(JSON.parse(lines.at(-1)!), {
    subscriber: 'product_objects',
    err: { message: 'oops' },
    msg: 'a subscriber to product changes failed'
  })
})
