import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { compileBody } from '../../plugins/validation.ts'
import { PRICE_MAX_LENGTH, type Product, TITLE_MAX_LENGTH } from '../product.ts'
import { ProductBody } from '../schemas.ts'

/*
 * The confirmation of a change, which the next page of the list shows once.
 *
 * A cookie has it for a minute, so it needs no session, and a link cannot show one that did not happen. A person who
 * alters the cookie can only mislead themselves: it is validated, and escaped like all else.
 */

/** The cookie's name. */
export const NOTICE_COOKIE = 'larder_notice'
/** Seconds for which a confirmation waits for the next page. */
const MAX_AGE = 60
const ATTRIBUTES = 'Path=/; HttpOnly; SameSite=Strict'

/** The pattern of a time that may be restored. Other programs may have stored any text. */
export const RESTORABLE_TIME = '^[12]\\d{3}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$'

const kinds = ['added', 'saved', 'deleted', 'restored', 'absent'] as const
const schema = Type.Object({
  kind: Type.Enum([...kinds]),
  id: Type.Integer(),
  title: Type.String({ maxLength: TITLE_MAX_LENGTH }),
  /** Absent if the product cannot be restored, since another program stored what the service would not. */
  price: Type.Optional(Type.String({ maxLength: PRICE_MAX_LENGTH })),
  created: Type.Optional(Type.String({ pattern: RESTORABLE_TIME }))
}, { additionalProperties: false })

export interface Notice {
  kind: typeof kinds[number]
  id: number
  title: string
  price?: string
  created?: string
}

const isNotice = compileBody(schema)
const isValidProduct = compileBody(ProductBody)
const isRestorableTime = new RegExp(RESTORABLE_TIME)

/** Creates the confirmation of a change of a product. It is no longer than a cookie may be. */
export function createNotice (kind: Notice['kind'], { id, title, price, created }: Product): Notice {
  return {
    kind,
    id,
    title: Array.from(title).slice(0, TITLE_MAX_LENGTH).join(''),
    ...isValidProduct({ title, price }) && { price },
    ...isRestorableTime.test(created) && { created }
  }
}

/** Makes the next page show a confirmation. */
export function setNotice (reply: FastifyReply, notice: Notice): void {
  const value = Buffer.from(JSON.stringify(notice)).toString('base64url')
  reply.header('set-cookie', `${NOTICE_COOKIE}=${value}; Max-Age=${MAX_AGE}; ${ATTRIBUTES}`)
}

/** Returns the confirmation that a request has to show, and ends it. Its response is for this request alone. */
export function takeNotice ({ headers: { cookie } }: FastifyRequest, reply: FastifyReply): Notice | undefined {
  const value = cookie === undefined ? undefined : PATTERN.exec(cookie)?.[1]
  if (value === undefined) return undefined
  reply.header('set-cookie', `${NOTICE_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`).header('cache-control', 'no-store')
  return parseNotice(value)
}

const PATTERN = new RegExp(`(?:^|; ?)${NOTICE_COOKIE}=([\\w-]{1,4000})(?:;|$)`)

function parseNotice (value: string): Notice | undefined {
  try {
    const notice: unknown = JSON.parse(Buffer.from(value, 'base64url').toString())
    return isNotice(notice) ? notice as Notice : undefined
  } catch {
    return undefined
  }
}

/**
 * Returns the number of the row above which a confirmation is shown: the one after that of its product, or the one that
 * now has its place. The list is newest first.
 */
export function findNoticeRow (items: readonly Product[], { id, created = '' }: Notice): number {
  const row = items.findIndex((item) => item.id === id || item.created < created ||
    (item.created === created && item.id < id))
  if (row < 0) return items.length
  return items[row]!.id === id ? row + 1 : row
}
