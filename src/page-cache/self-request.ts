import { AsyncLocalStorage } from 'node:async_hooks'
import type { ExplainRequest } from './admin/explain-request.ts'
import type { Revalidation } from './request/revalidate.ts'

/** What a request is for that the page cache makes of the application itself. */
export interface SelfRequest {
  readonly revalidation?: Revalidation
  readonly explainRequest?: ExplainRequest
}

const OF_OTHERS: SelfRequest = {}

const current = new AsyncLocalStorage<{ purpose: SelfRequest }>()

/** @param request begins one request, when it is awaited */
export async function runAs<T> (purpose: SelfRequest, request: () => PromiseLike<T>): Promise<T> {
  return await current.run({ purpose }, async () => await request())
}

/** What the request is for that has just begun. Requests that it makes in turn are like any others. */
export function takeSelfRequest (): SelfRequest {
  const slot = current.getStore()
  if (slot === undefined) return OF_OTHERS
  const { purpose } = slot
  slot.purpose = OF_OTHERS
  return purpose
}
