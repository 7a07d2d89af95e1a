import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Database } from '../db/index.ts'
import { ProductNotFoundError } from '../errors.ts'
import { readJsonBodies } from '../plugins/json-bodies/index.ts'
import { abandonWork } from './abandon-work.ts'
import { PRODUCT_LIST_KEY, type ProductFilter, type Products } from './repository.ts'
import {
  BulkUpdateBody, ChangesBody, DeletedReply, DeleteQuery, ErrorReply, IdParams, ListQuery, ListReply,
  ManyCreatedReply, MAX_PAGE, ProductBody, ProductReply, ProductsBody, UnavailableReply, UpdatedReply
} from './schemas.ts'

/** Bytes of a body that creates many products. All other bodies may have 1 MiB. */
const IMPORT_LIMIT = 8 * 1024 * 1024

const url = '/api/products'
const tags = ['products']
const errors = { 400: ErrorReply, 503: UnavailableReply }
const notFound = { ...errors, 404: ErrorReply }

export interface ProductRoutesOptions {
  products: Products
  /** The database of the products. */
  database: Database
}

/** The JSON API of the products. */
export const productsApi: FastifyPluginCallbackTypebox<ProductRoutesOptions> = (
  app, { products, database }, done
) => {
  readJsonBodies(app)
  app.addHook('preHandler', abandonWork(database))

  app.get(url, {
    schema: {
      tags,
      summary: 'List products, newest first',
      querystring: ListQuery,
      response: { 200: ListReply, ...errors }
    }
  }, async ({ query: { page, limit, after } }, reply) => {
    // With a position, the number of a page is for the client only.
    const list = after === undefined
      ? await products.list(page, limit)
      : { ...await products.listAfter(after, limit), page }
    if (list.next !== undefined) {
      const number = Math.min(page + 1, MAX_PAGE)
      reply.header('link', `<${url}?page=${number}&limit=${limit}&after=${list.next}>; rel="next"`)
    }
    if (list.cached !== undefined) {
      const timing = `${PRODUCT_LIST_KEY};desc="${list.cached}";dur=${reply.elapsedTime.toFixed(2)}`
      reply.header('server-timing', timing)
    }
    return list
  })

  app.post(url, {
    bodyLimit: IMPORT_LIMIT,
    schema: {
      tags,
      summary: 'Create a product, or an array of them, all or none',
      body: ProductsBody,
      response: { 201: Type.Union([ProductReply, ManyCreatedReply]), ...errors, 413: ErrorReply }
    }
  }, async ({ body }, reply) => {
    reply.code(201)
    if (Array.isArray(body)) {
      const ids = await products.createMany(body)
      return { created: ids.length, ids }
    }
    const product = await products.create(body)
    reply.header('location', `${url}/${product.id}`)
    return product
  })

  app.patch(url, {
    schema: {
      tags,
      summary: 'Update products in bulk',
      body: BulkUpdateBody,
      response: { 200: UpdatedReply, ...errors }
    }
  }, async ({ body: { where, set } }) => {
    return { updated: await products.updateMany(where as ProductFilter, set) }
  })

  app.delete(url, {
    schema: {
      tags,
      summary: 'Delete products in bulk',
      querystring: DeleteQuery,
      response: { 200: DeletedReply, ...errors }
    }
  }, async ({ query: { id: ids } }) => {
    return { deleted: await products.deleteMany(ids.map(Number)) }
  })

  app.get(`${url}/:id`, {
    schema: { tags, summary: 'Get a product', params: IdParams, response: { 200: ProductReply, ...notFound } }
  }, async ({ params: { id } }) => {
    const product = await products.find(Number(id))
    if (product === undefined) throw new ProductNotFoundError(id)
    return product
  })

  app.put(`${url}/:id`, {
    schema: {
      tags,
      summary: 'Replace a product',
      params: IdParams,
      body: ProductBody,
      response: { 200: ProductReply, ...notFound }
    }
  }, async ({ params: { id }, body }) => {
    const product = await products.update(Number(id), body)
    if (product === undefined) throw new ProductNotFoundError(id)
    return product
  })

  app.patch(`${url}/:id`, {
    schema: {
      tags,
      summary: 'Change a product',
      params: IdParams,
      body: ChangesBody,
      response: { 200: ProductReply, ...notFound }
    }
  }, async ({ params: { id }, body }) => {
    const product = await products.update(Number(id), body)
    if (product === undefined) throw new ProductNotFoundError(id)
    return product
  })

  app.delete(`${url}/:id`, {
    schema: { tags, summary: 'Delete a product', params: IdParams, response: { 204: Type.Null(), ...notFound } }
  }, async ({ params: { id } }, reply) => {
    if (await products.delete(Number(id)) === undefined) throw new ProductNotFoundError(id)
    return reply.code(204).send(null)
  })

  done()
}
