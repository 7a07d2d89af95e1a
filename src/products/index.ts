import type { FastifyPluginAsync } from 'fastify'
import type { Database } from '../db/index.ts'
import type { Cache } from '../larder/index.ts'
import { productsApi } from './api.ts'
import { invalidateProductList } from './invalidation.ts'
import { openProducts } from './open.ts'
import { productPages } from './pages/index.ts'
import { seedProducts } from './seed.ts'

export * from './repository.ts'
export { openProducts } from './open.ts'
export type { Product } from './product.ts'

export interface ProductsPluginOptions {
  database: Database
  cache: Cache
  /** Returns milliseconds since 1970. */
  now: () => number
}

/** The catalogue of products: repository, invalidation, API and pages. Seeds an empty table. */
export const products: FastifyPluginAsync<ProductsPluginOptions> = async (app, options) => {
  const products = await openProducts({
    ...options,
    onSubscriberError: (err, id) => app.log.error({ err, subscriber: id }, 'a subscriber to product changes failed')
  })
  invalidateProductList(products, options.cache)
  const seeded = await seedProducts(products, options.now())
  if (seeded > 0) app.log.info(`seeded ${seeded} products`)
  app.register(productsApi, { products, database: options.database })
  app.register(productPages, { products, database: options.database })
}
