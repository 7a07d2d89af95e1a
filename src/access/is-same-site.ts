import type { FastifyRequest } from 'fastify'

/**
 * Returns whether a request is not one that another site made a browser send (CSRF). Following a link to a page from
 * another site is allowed. A check of unsafe requests with it needs no token in forms, so pages with forms are the same
 * for all visitors and can be cached.
 *
 * Browsers name the source of a request in `Sec-Fetch-Site`; older ones, and all on plain HTTP, in `Origin`. A client
 * that sends neither is not a browser, so it holds no login that another site could misuse.
 */
export function isSameSite ({ method, headers, host }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site']
  if (method === 'GET' && headers['sec-fetch-mode'] === 'navigate') return true
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  // Compares only the host: behind a proxy that ends TLS, the scheme is unknown.
  return headers.origin === undefined || URL.parse(headers.origin)?.host === host
}
