import type { FastifyPluginAsync } from 'fastify'
import type { Cache } from '../cache/index.ts'
import type { Database } from '../db/index.ts'
import { productsApi } from './api.ts'
import { invalidateProductList } from './invalidation.ts'
import { productPages } from './pages.ts'
import { createProducts } from './repository.ts'
import { seedProducts } from './seed.ts'

export * from './repository.ts'
export type { Product } from './table.ts'

/** The feature: repository, invalidation, API and pages. An empty table is seeded at start. */
export const products: FastifyPluginAsync<{ database: Database, cache: Cache, now: () => number }> = async (app, options) => {
  const products = createProducts({
    ...options,
    onSubscriberError: (err, id) => app.log.error({ err, subscriber: id }, 'a subscriber of a product change failed')
  })
  invalidateProductList(products, options.cache)
  const seeded = await seedProducts(products, options.now())
  if (seeded > 0) app.log.info(`seeded ${seeded} products`)
  app.register(productsApi, { products })
  app.register(productPages, { products })
}
