import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ProductNotFoundError } from '../errors.ts'
import { requireSameSite } from '../hooks/require-same-site.ts'
import { abandonWork } from './abandon-work.ts'
import type { ProductRoutesOptions } from './api.ts'
import { PRODUCT_LIST_KEY, type ProductFields, type ProductPage } from './repository.ts'
import { IdParams, PageQuery, ProductBody } from './schemas.ts'

const HTML = 'text/html; charset=utf-8'
const hide = true

/** The HTML pages of the products. Their forms need no JavaScript. */
export const productPages: FastifyPluginAsyncTypebox<ProductRoutesOptions> = async (
  app, { products, database }
) => {
  app.removeAllContentTypeParsers()
  await app.register(formbody)
  app.addHook('onRequest', requireSameSite)
  app.addHook('preHandler', abandonWork(database))

  // A cached list is one object until it changes, so that its page has to be rendered once only.
  const rendered = new WeakMap<ProductPage['items'], Buffer>()

  app.get('/', { schema: { hide, querystring: PageQuery } }, async ({ query: { page, after } }, reply) => {
    // With the position of the page before, the number of a page is for people only.
    const list = after === undefined ? await products.list(page) : { ...await products.listAfter(after), page }
    setListTiming(reply, list)
    let html = rendered.get(list.items)
    if (html === undefined) {
      html = Buffer.from(await app.view('products', { list, form: EMPTY_FORM }))
      rendered.set(list.items, html)
    }
    return reply.type(HTML).send(html)
  })

  app.post('/products', { attachValidation: true, schema: { hide, body: ProductBody } }, async (request, reply) => {
    const form = readInvalidForm(request)
    if (form !== undefined) {
      const list = await products.list()
      setListTiming(reply, list)
      return reply.code(400).viewAsync('products', { list, form })
    }
    await products.create(request.body)
    return reply.redirect('/', 303)
  })

  app.get('/products/:id/edit', { schema: { hide, params: IdParams } }, async ({ params: { id } }, reply) => {
    const product = await products.find(Number(id))
    if (product === undefined) throw new ProductNotFoundError(id)
    return reply.viewAsync('product-edit', { product, form: product })
  })

  app.post('/products/:id', {
    attachValidation: true,
    schema: { hide, params: IdParams, body: ProductBody }
  }, async (request, reply) => {
    const { validationError, params: { id }, body } = request
    if (validationError?.validationContext === 'params') throw validationError
    const form = readInvalidForm(request)
    const product = form === undefined ? await products.update(Number(id), body) : await products.find(Number(id))
    if (product === undefined) throw new ProductNotFoundError(id)
    if (form !== undefined) return reply.code(400).viewAsync('product-edit', { product, form })
    return reply.redirect('/', 303)
  })

  app.post('/products/:id/delete', { schema: { hide, params: IdParams } }, async ({ params: { id } }, reply) => {
    await products.delete(Number(id)) // a product that is already absent is no error: the user wanted it deleted
    return reply.redirect('/', 303)
  })
}

/** Reports in `Server-Timing` whether the list was a hit in the low-level cache, and the time until now in ms. */
function setListTiming (reply: FastifyReply, { cached }: ProductPage): void {
  if (cached === undefined) return
  reply.header('server-timing', `${PRODUCT_LIST_KEY};desc="${cached}";dur=${reply.elapsedTime.toFixed(2)}`)
}

/** The values of a form, and what is wrong with them. */
interface Form extends ProductFields { error?: string }

const EMPTY_FORM: Form = { title: '', price: '' }

/** Reads the values of a form that failed validation, to show them again. Returns `undefined` for a valid form. */
function readInvalidForm ({ validationError, body }: FastifyRequest): Form | undefined {
  if (validationError === undefined) return undefined
  const values = (body ?? {}) as Record<string, unknown>
  const read = (name: string) => typeof values[name] === 'string' ? values[name] : ''
  return { title: read('title'), price: read('price'), error: validationError.message.replace(/^body[/ ]/, '') }
}
