import Type from 'typebox'
import { NOT_BLANK, POSITIVE_INTEGER } from '../plugins/validation.ts'
import { CURSOR, CURSOR_MAX_LENGTH } from './cursor.ts'
import { PRICE_MAX_LENGTH, TITLE_MAX_LENGTH } from './product.ts'
import { PAGE_SIZE } from './repository.ts'

/* The schemas of requests and responses. They validate, serialize, and describe the API at /docs. */

const strict = { additionalProperties: false }

const title = Type.String({ minLength: 1, maxLength: TITLE_MAX_LENGTH, pattern: NOT_BLANK })
const price = Type.String({ minLength: 1, maxLength: PRICE_MAX_LENGTH, pattern: NOT_BLANK })
const id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
/** An id in a URL. Only plain decimals are valid, so that each product has one URL. */
const idInUrl = Type.String({ format: POSITIVE_INTEGER })
const time = Type.String({ description: 'ISO 8601, UTC' })

/** The highest number of a page. Those beyond `MAX_PAGED` need the parameter `after`. */
export const MAX_PAGE = 1_000_000
/** How many products one request may create, update or delete at most. */
const MAX_BULK = 10_000

export const ProductBody = Type.Object({ title, price }, strict)
export const ProductsBody = Type.Union([ProductBody, Type.Array(ProductBody, { maxItems: MAX_BULK })])
export const ChangesBody = Type.Partial(ProductBody, { ...strict, minProperties: 1 })
export const BulkUpdateBody = Type.Object({
  where: Type.Object({
    ids: Type.Optional(Type.Array(id, { maxItems: MAX_BULK })),
    title: Type.Optional(Type.String())
  }, { ...strict, maxProperties: 1, description: 'by ids, by title, or {} for all' }),
  set: ChangesBody
}, strict)

export const IdParams = Type.Object({ id: idInUrl })
/** The position of the last product before a page. It finds a page however far it is from the start. */
const after = Type.Optional(Type.String({
  pattern: CURSOR,
  maxLength: CURSOR_MAX_LENGTH,
  description: 'the position after which the list begins, as the header Link of the response before has it'
}))
export const ListQuery = Type.Object({
  page: Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 1 }),
  after,
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: PAGE_SIZE })
})
export const DeleteQuery = Type.Object({ id: Type.Array(idInUrl, { minItems: 1, maxItems: MAX_BULK }) })
export const PageQuery = Type.Object({ page: Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 1 }), after })

export const ProductReply = Type.Object({
  id: Type.Integer(), title: Type.String(), price: Type.String(), created: time, updated: time
})
export const ListReply = Type.Object({
  items: Type.Array(ProductReply), page: Type.Integer(), limit: Type.Integer(), total: Type.Integer()
})
export const ManyCreatedReply = Type.Object({ created: Type.Integer(), ids: Type.Array(Type.Integer()) })
export const UpdatedReply = Type.Object({ updated: Type.Integer() })
export const DeletedReply = Type.Object({ deleted: Type.Integer() })
export const ErrorReply = Type.Object({
  statusCode: Type.Integer(), error: Type.String(), message: Type.String(), code: Type.Optional(Type.String())
})
export const UnavailableReply = Type.Object(ErrorReply.properties, {
  description: 'The database is busy or unavailable, or the service is overloaded. Nothing was changed.',
  headers: { 'Retry-After': { type: 'integer', description: 'Seconds after which to try again.' } }
})
