import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { BodyTooLargeError, ProductNotFoundError } from '../errors.ts'
import {
  BulkUpdateBody, ChangesBody, DeletedReply, DeleteQuery, ErrorReply, IdParams, ListQuery, ListReply,
  ManyCreatedReply, ProductBody, ProductReply, ProductsBody, UpdatedReply
} from './schemas.ts'
import { found } from './found.ts'
import type { ProductFilter, Products } from './repository.ts'
import { listTiming } from './timing.ts'

const MIB = 1024 * 1024
/** Bytes of an array of products to create; anything else may have 1 MiB. */
const IMPORT_LIMIT = 8 * MIB

const url = '/api/products'
const tags = ['products']
const errors = { 400: ErrorReply }
const notFound = { ...errors, 404: ErrorReply }

/** The JSON API of the products. */
export const productsApi: FastifyPluginCallbackTypebox<{ products: Products }> = (app, { products }, done) => {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    parseJson(request, text as string, (error, body) => {
      if (error === null && !Array.isArray(body) && Buffer.byteLength(text) > MIB) done(new BodyTooLargeError('1 MiB'))
      else done(error, body)
    })
  })

  app.get(url, {
    schema: { tags, summary: 'List products, newest first', querystring: ListQuery, response: { 200: ListReply, ...errors } }
  }, async (request, reply) => {
    const { page, limit } = request.query
    const list = await products.list(page, limit)
    listTiming(reply, list)
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
  }, async (request, reply) => {
    reply.code(201)
    if (Array.isArray(request.body)) {
      const created = await products.createMany(request.body)
      return { created: created.length, ids: created.map(({ id }) => id) }
    }
    const product = await products.create(request.body)
    reply.header('location', `${url}/${product.id}`)
    return product
  })

  app.patch(url, {
    schema: { tags, summary: 'Update products in bulk', body: BulkUpdateBody, response: { 200: UpdatedReply, ...errors } }
  }, async (request) => {
    const { where, set } = request.body
    return { updated: await products.updateMany(where as ProductFilter, set) }
  })

  app.delete(url, {
    schema: { tags, summary: 'Delete products in bulk', querystring: DeleteQuery, response: { 200: DeletedReply, ...errors } }
  }, async (request) => ({ deleted: await products.deleteMany(request.query.id.map(Number)) }))

  app.get(`${url}/:id`, {
    schema: { tags, summary: 'Get a product', params: IdParams, response: { 200: ProductReply, ...notFound } }
  }, async ({ params: { id } }) => found(id, await products.find(Number(id))))

  app.put(`${url}/:id`, {
    schema: { tags, summary: 'Replace a product', params: IdParams, body: ProductBody, response: { 200: ProductReply, ...notFound } }
  }, async ({ params: { id }, body }) => found(id, await products.update(Number(id), body)))

  app.patch(`${url}/:id`, {
    schema: { tags, summary: 'Change a product', params: IdParams, body: ChangesBody, response: { 200: ProductReply, ...notFound } }
  }, async ({ params: { id }, body }) => found(id, await products.update(Number(id), body)))

  app.delete(`${url}/:id`, {
    schema: { tags, summary: 'Delete a product', params: IdParams, response: { 204: Type.Null(), ...notFound } }
  }, async ({ params: { id } }, reply) => {
    if (!await products.delete(Number(id))) throw new ProductNotFoundError(id)
    return reply.code(204).send(null)
  })

  done()
}
