import type { FastifyReply } from 'fastify'
import { PRODUCT_LIST_KEY, type ProductPage } from './repository.ts'

/** Says in `Server-Timing` whether the low-level cache had the list, and what the answer took so far, in ms. */
export function listTiming (reply: FastifyReply, list: ProductPage): void {
  if (list.cached === undefined) return
  reply.header('server-timing', `${PRODUCT_LIST_KEY};desc="${list.cached}";dur=${reply.elapsedTime.toFixed(2)}`)
}
