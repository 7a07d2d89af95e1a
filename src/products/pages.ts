import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { currentReads } from '../cache/index.ts'
import { requireSameSite } from '../hooks/require-same-site.ts'
import { IdParams, PageQuery, ProductBody } from './schemas.ts'
import { found } from './found.ts'
import type { ProductFields, ProductPage, Products } from './repository.ts'
import { oncePerTurn } from './once-per-turn.ts'
import { listTiming } from './timing.ts'

const HTML = 'text/html; charset=utf-8'

/** The HTML pages of the products. Their forms need no JavaScript. */
export const productPages: FastifyPluginAsyncTypebox<{ products: Products }> = async (app, { products }) => {
  app.removeAllContentTypeParsers()
  await app.register(formbody)
  app.addHook('onRequest', requireSameSite)

  const hidden = { hide: true }

  /** Pages with an empty form, by the list that they show, where that is in the cache; as bytes, which are sent as they are. */
  const rendered = new WeakMap<ProductPage['items'], Buffer>()

  const render = (list: ProductPage, form: Form = { title: '', price: '' }) => app.view('products', {
    products: list.items,
    total: list.total,
    page: list.page,
    pages: Math.max(1, Math.ceil(list.total / list.limit)),
    form
  })

  async function pageOf (number?: number): Promise<{ list: ProductPage, html: Buffer }> {
    const list = await products.list(number)
    let html = rendered.get(list.items)
    if (html === undefined) {
      html = Buffer.from(await render(list))
      if (list.cached === 'hit') rendered.set(list.items, html)
    }
    return { list, html }
  }
  const sharedFirstPage = oncePerTurn(() => pageOf())
  /** A transaction sees more than others do, and whoever notes what is read has to read by itself. */
  const mayShare = () => !products.inTransaction && currentReads() === undefined

  app.get('/', { schema: { ...hidden, querystring: PageQuery } }, async ({ query: { page } }, reply) => {
    const { list, html } = await (page === 1 && mayShare() ? sharedFirstPage() : pageOf(page))
    listTiming(reply, list)
    return reply.type(HTML).send(html)
  })

  app.post('/products', { attachValidation: true, schema: { ...hidden, body: ProductBody } }, async (request, reply) => {
    const refused = refusedForm(request)
    if (refused) {
      const list = await products.list()
      listTiming(reply, list)
      return reply.code(400).type(HTML).send(await render(list, refused))
    }
    await products.create(request.body)
    return reply.redirect('/', 303)
  })

  app.get('/products/:id/edit', { schema: { ...hidden, params: IdParams } }, async ({ params: { id } }, reply) => {
    const product = found(id, await products.find(Number(id)))
    return reply.viewAsync('product-edit', { product, form: product })
  })

  app.post('/products/:id', { attachValidation: true, schema: { ...hidden, params: IdParams, body: ProductBody } }, async (request, reply) => {
    if (request.validationError?.validationContext === 'params') throw request.validationError
    const { params: { id }, body } = request
    const refused = refusedForm(request)
    if (refused) return reply.code(400).viewAsync('product-edit', { product: found(id, await products.find(Number(id))), form: refused })
    found(id, await products.update(Number(id), body))
    return reply.redirect('/', 303)
  })

  app.post('/products/:id/delete', { schema: { ...hidden, params: IdParams } }, async ({ params: { id } }, reply) => {
    await products.delete(Number(id)) // deleting what is gone already is what was wanted
    return reply.redirect('/', 303)
  })
}

/** What the form shows: what was typed, and what was wrong with it. */
interface Form extends ProductFields { error?: string }

function refusedForm ({ validationError, body }: FastifyRequest): Form | undefined {
  if (validationError === undefined) return undefined
  const typed = (body ?? {}) as Record<string, unknown>
  const text = (name: string) => typeof typed[name] === 'string' ? typed[name] : ''
  return { title: text('title'), price: text('price'), error: validationError.message.replace(/^body[/ ]/, '') }
}
