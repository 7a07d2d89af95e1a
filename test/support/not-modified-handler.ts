import type { Handler } from './create-test-app.ts'
export const MODIFIED = 'Wed, 31 Dec 2025 00:00:00 GMT'

/** A handler that gives a page first, and then says that it is still so. */
export function confirming (first: Record<string, string>, then: Record<string, string> = {}): Handler {
  return (_request, reply, call) =>
    call === 1 ? reply.type('text/plain').headers(first).send('page') : reply.code(304).headers(then).send()
}
