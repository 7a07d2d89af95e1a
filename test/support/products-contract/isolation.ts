import Fastify from 'fastify'
import type { Test } from 'tap'
import validation from '../../../src/plugins/validation.ts'
import views from '../../../src/plugins/views.ts'
import { productPages } from '../../../src/products/pages/index.ts'
import type { SetUp } from './set-up.ts'

/** Registers the pages of the products in an application of its own. `readTitles` reads them from the first page. */
async function setUpPages (t: Test, setUp: SetUp) {
  const { database, cache, products } = await setUp()
  const app = Fastify()
  await app.register(validation)
  await app.register(views)
  await app.register(productPages, { products, database })
  await app.ready()
  t.teardown(() => app.close())
  const readTitles = async () => {
    const { body } = await app.inject('/')
    return Array.from(body.matchAll(/<th scope="row">([^<]*)</g), ([, title]) => title!)
  }
  await products.create({ title: 'old', price: '1' })
  return { cache, products, readTitles }
}

export async function isolation (t: Test, setUp: SetUp): Promise<void> {
  for (const first of ['the transaction', 'the other reader']) {
    t.test(`only a transaction itself sees its uncommitted products on the page; ${first} reads first`, async (t) => {
      const { products, readTitles } = await setUpPages(t, setUp)
      const created = Promise.withResolvers<void>()
      const mayRead = Promise.withResolvers<void>()
      const otherHasRead = Promise.withResolvers<void>()
      const inside = products.transaction(async () => {
        await products.create({ title: 'not committed', price: '1' })
        created.resolve()
        await mayRead.promise
        const titles = await readTitles()
        await otherHasRead.promise
        return titles
      })
      await created.promise
      if (first === 'the transaction') {
        mayRead.resolve()
        await mayRead.promise
      }
      const outside = readTitles()
      mayRead.resolve()
      t.strictSame(await outside, ['old'])
      otherHasRead.resolve()
      t.strictSame(await inside, ['not committed', 'old'])
    })
  }

  t.test('cached values that are built from the page are invalidated when the products change', async (t) => {
    const { cache, products, readTitles } = await setUpPages(t, setUp)
    const readValues = () => Promise.all([1, 2, 3].map((number) => cache.getOrSet(`value:${number}`, readTitles)))
    t.strictSame(await readValues(), Array(3).fill(['old']))
    await products.create({ title: 'new', price: '1' })
    t.strictSame(await readValues(), Array(3).fill(['new', 'old']))
  })
}
