import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { createCache, memoryStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import validation from '../../src/plugins/validation.ts'
import views from '../../src/plugins/views.ts'
import { createProducts } from '../../src/products/index.ts'
import { productPages } from '../../src/products/pages.ts'

/** The pages of the products as an application of somebody else has them, and a look at which titles are on the first. */
async function setUp (t: Test) {
  const database = openDatabase(`file:${t.testdir()}/larder.db`)
  const cache = createCache({ store: memoryStore(), versions: database.versions })
  const products = createProducts({ database, cache, now: Date.now, onSubscriberError: (error) => { throw error } })
  const app = Fastify()
  await app.register(validation)
  await app.register(views)
  await app.register(productPages, { products })
  await app.ready()
  t.teardown(async () => {
    await app.close()
    database.close()
  })
  const titles = async () => Array.from((await app.inject('/')).body.matchAll(/<th scope="row">([^<]*)</g), ([, title]) => title!)
  await products.create({ title: 'old', price: '1' })
  return { cache, products, titles }
}

for (const first of ['a transaction', 'others']) {
  t.test(`who asks beside a transaction shares nothing with it: ${first} first`, async (t) => {
    const { products, titles } = await setUp(t)
    const created = Promise.withResolvers<void>()
    const asked = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    const within = products.transaction(async () => {
      await products.create({ title: 'not committed', price: '1' })
      created.resolve()
      await asked.promise
      const seen = await titles()
      await answered.promise
      return seen
    })
    await created.promise
    if (first === 'a transaction') {
      asked.resolve()
      await asked.promise
    }
    const outside = titles()
    asked.resolve()
    t.strictSame(await outside, ['old'])
    answered.resolve()
    t.strictSame(await within, ['not committed', 'old'])
  })
}

t.test('who notes what is read shares nothing: what is made of the page goes when the products change', async (t) => {
  const { cache, products, titles } = await setUp(t)
  const made = () => Promise.all([1, 2, 3].map((number) => cache.getOrSet(`made:${number}`, titles)))
  t.strictSame(await made(), Array(3).fill(['old']))
  await products.create({ title: 'new', price: '1' })
  t.strictSame(await made(), Array(3).fill(['new', 'old']))
})
