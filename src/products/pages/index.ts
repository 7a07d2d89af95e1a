import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { InvalidPageError, InvalidProductIdError, ProductNotFoundError } from '../../errors.ts'
import { requireSameSite } from '../../hooks/require-same-site.ts'
import { formatSchemaErrors } from '../../plugins/validation.ts'
import { abandonWork } from '../abandon-work.ts'
import type { ProductRoutesOptions } from '../api.ts'
import { IdParams, ProductBody } from '../schemas.ts'
import { createForm, readInvalidForm } from './form.ts'
import { productListPage } from './list.ts'
import { createNotice, setNotice } from './notice.ts'
import { parsePlace, writeListUrl, writePlaceQuery } from './place.ts'
import { undoDeletion } from './undo.ts'

const hide = true
const params = IdParams

/**
 * The HTML pages of the products. Their forms need no JavaScript.
 *
 * Every form is answered by a redirect to the page of the list from which it came, which confirms the change once.
 */
export const productPages: FastifyPluginAsyncTypebox<ProductRoutesOptions> = async (app, options) => {
  const { products, database } = options
  app.removeAllContentTypeParsers()
  await app.register(formbody)
  app.addHook('onRequest', requireSameSite)
  app.addHook('preHandler', abandonWork(database))
  // A person has not written the address, and cannot correct a parameter.
  app.setSchemaErrorFormatter((errors, part) => {
    if (part === 'params') return new InvalidProductIdError()
    if (part === 'querystring') return new InvalidPageError()
    return formatSchemaErrors(errors, part)
  })

  const sendList = productListPage(app, options)
  undoDeletion(app, options)

  app.post('/products', { attachValidation: true, schema: { hide, body: ProductBody } }, async (request, reply) => {
    const form = readInvalidForm(request)
    if (form !== undefined) return await sendList(reply.code(400), form)
    const product = await products.create(request.body)
    setNotice(reply, createNotice('added', product))
    return reply.redirect(writeListUrl({ page: 1 }, `product-${product.id}`), 303)
  })

  app.get('/products/:id/edit', { schema: { hide, params } }, async ({ params: { id }, query }, reply) => {
    const product = await products.find(Number(id))
    if (product === undefined) throw new ProductNotFoundError(id)
    const data = { product, form: createForm(product), query: writePlaceQuery(parsePlace(query)) }
    return reply.viewAsync('product-edit', data)
  })

  app.post('/products/:id', {
    attachValidation: true,
    schema: { hide, params, body: ProductBody }
  }, async (request, reply) => {
    const { validationError, params: { id }, body } = request
    if (validationError?.validationContext === 'params') throw validationError
    const place = parsePlace(request.query)
    const form = readInvalidForm(request)
    const product = form === undefined ? await products.update(Number(id), body) : await products.find(Number(id))
    if (product === undefined) throw new ProductNotFoundError(id)
    if (form !== undefined) {
      return reply.code(400).viewAsync('product-edit', { product, form, query: writePlaceQuery(place) })
    }
    setNotice(reply, createNotice('saved', product))
    return reply.redirect(writeListUrl(place, `product-${id}`), 303)
  })

  app.post('/products/:id/delete', { schema: { hide, params } }, async ({ params: { id }, query }, reply) => {
    const product = await products.delete(Number(id))
    // A product that is already absent is no error: the user wanted it deleted.
    setNotice(reply, product === undefined
      ? { kind: 'absent', id: Number(id), title: '' }
      : createNotice('deleted', product))
    return reply.redirect(writeListUrl(parsePlace(query), 'notice'), 303)
  })

  // The addresses of the forms, which a browser shows above a form that could not be saved, and loads again.
  for (const url of ['/products', '/products/undo', '/products/:id/delete']) {
    app.get(url, { schema: { hide } }, ({ query }, reply) => reply.redirect(`/${writePlaceQuery(parsePlace(query))}`))
  }
  app.get('/products/:id', { schema: { hide, params } }, ({ params: { id }, query }, reply) => (
    reply.redirect(`/products/${id}/edit${writePlaceQuery(parsePlace(query))}`)))
}
