import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import type { ProductRoutesOptions } from '../api.ts'
import { ProductBody } from '../schemas.ts'
import { createNotice, RESTORABLE_TIME, setNotice } from './notice.ts'
import { parsePlace, writeListUrl } from './place.ts'

/** A deleted product, as the form of its confirmation has it. */
const UndoBody = Type.Object({
  ...ProductBody.properties,
  created: Type.Optional(Type.String({ pattern: RESTORABLE_TIME }))
}, { additionalProperties: false })

/**
 * Adds `POST /products/undo`, which creates a deleted product again. It has a new id, since another product may have
 * been given the old one, and the time at which it was created, so that it returns to its place in the list.
 */
export function undoDeletion (app: FastifyInstance, { products }: ProductRoutesOptions): void {
  app.withTypeProvider<TypeBoxTypeProvider>().post('/products/undo', {
    schema: { hide: true, body: UndoBody }
  }, async ({ body: { title, price, created }, query }, reply) => {
    // A time that is none, or has not come yet, would put the product in a wrong place for good.
    const isPast = created !== undefined && Date.parse(created) <= Date.now()
    const product = await products.create({ title, price, ...isPast && { created } })
    setNotice(reply, createNotice('restored', product))
    return reply.redirect(writeListUrl(parsePlace(query), `product-${product.id}`), 303)
  })
}
