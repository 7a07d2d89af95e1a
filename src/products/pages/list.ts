import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ProductRoutesOptions } from '../api.ts'
import { MAX_PAGED, PAGE_SIZE, PRODUCT_LIST_KEY, type ProductPage } from '../repository.ts'
import { PageQuery } from '../schemas.ts'
import { EMPTY_FORM, isLikePrice, type ProductForm } from './form.ts'
import { findNoticeRow, type Notice, takeNotice } from './notice.ts'
import { findLastPage, listPageNumbers } from './pager.ts'
import { type ListPlace, writePlaceQuery } from './place.ts'

const HTML = 'text/html; charset=utf-8'
/** The last page that can be opened by its number. `Next` goes on by position. */
const MAX_NUMBERED = MAX_PAGED / PAGE_SIZE

/**
 * Adds `GET /`: a page of the list, and the confirmation of a change if there is one.
 *
 * @returns a function that sends the first page with a form that could not be saved
 */
export function productListPage (
  app: FastifyInstance, { products }: ProductRoutesOptions
): (reply: FastifyReply, form: ProductForm) => Promise<FastifyReply> {
  // A cached list is one object until it changes, so that its page has to be rendered once only.
  const rendered = new WeakMap<ProductPage['items'], Buffer>()

  async function render (list: ProductPage, place: ListPlace, form: ProductForm, notice?: Notice): Promise<Buffer> {
    const pages = findLastPage(list.total, list.limit)
    return Buffer.from(await app.view('products', {
      list,
      form,
      pages,
      numbers: listPageNumbers(list.page, Math.min(pages, MAX_NUMBERED)),
      query: writePlaceQuery(place),
      notice: notice && describeNotice(notice, list)
    }))
  }

  app.withTypeProvider<TypeBoxTypeProvider>().get('/', {
    schema: { hide: true, querystring: PageQuery }
  }, async (request, reply) => {
    const { page, after } = request.query
    if (after === undefined && page > MAX_NUMBERED) return reply.redirect(`/?page=${MAX_NUMBERED}`)
    // With the position of the page before, the number of a page is for people only.
    const list = after === undefined ? await products.list(page) : { ...await products.listAfter(after), page }
    const last = Math.min(findLastPage(list.total, list.limit), MAX_NUMBERED)
    if (list.items.length === 0 && (after !== undefined || page > last)) {
      return reply.redirect(`/${writePlaceQuery({ page: last })}`)
    }
    setListTiming(reply, list)
    const notice = takeNotice(request, reply)
    let html = notice === undefined ? rendered.get(list.items) : await render(list, { page, after }, EMPTY_FORM, notice)
    if (html === undefined) {
      html = await render(list, { page, after }, EMPTY_FORM)
      rendered.set(list.items, html)
    }
    return reply.type(HTML).send(html)
  })

  return async (reply, form) => {
    const list = await products.list()
    setListTiming(reply, list)
    return reply.type(HTML).send(await render(list, { page: 1 }, form))
  }
}

/** Reports in `Server-Timing` whether the list was a hit in the low-level cache, and the time until now in ms. */
function setListTiming (reply: FastifyReply, { cached }: ProductPage): void {
  if (cached === undefined) return
  reply.header('server-timing', `${PRODUCT_LIST_KEY};desc="${cached}";dur=${reply.elapsedTime.toFixed(2)}`)
}

/** What the template shows of a confirmation. */
function describeNotice (notice: Notice, { items }: ProductPage) {
  const { kind, title, price } = notice
  const saved = kind === 'added' || kind === 'saved'
  return {
    ...notice,
    text: {
      added: `Added “${title}”.`,
      saved: `Saved “${title}”.`,
      deleted: `Deleted “${title}”.`,
      restored: `“${title}” is in the list again.`,
      absent: 'This product had been deleted already.'
    }[kind],
    row: kind === 'absent' || items.length === 0 ? -1 : findNoticeRow(items, notice),
    doubtfulPrice: saved && price !== undefined && !isLikePrice(price),
    undo: kind === 'deleted' && price !== undefined
  }
}
