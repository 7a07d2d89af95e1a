import { AsyncLocalStorage } from 'node:async_hooks'
import type { Inquiry } from './inquiry.ts'
import type { Renewal } from './renewal.ts'

/** What a request is for that the page cache makes of the application itself. */
export interface Purpose {
  readonly renewal?: Renewal
  readonly inquiry?: Inquiry
}

const OF_OTHERS: Purpose = {}

const current = new AsyncLocalStorage<{ purpose: Purpose }>()

/** @param request begins one request, when it is awaited */
export async function forPurpose<T> (purpose: Purpose, request: () => PromiseLike<T>): Promise<T> {
  return await current.run({ purpose }, async () => await request())
}

/** What the request is for that has just begun. Requests that it makes in turn are like any others. */
export function takePurpose (): Purpose {
  const slot = current.getStore()
  if (slot === undefined) return OF_OTHERS
  const { purpose } = slot
  slot.purpose = OF_OTHERS
  return purpose
}
