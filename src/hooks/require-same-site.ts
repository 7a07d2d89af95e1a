import type { FastifyReply, FastifyRequest } from 'fastify'
import { CrossSiteError } from '../errors.ts'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * An `onRequest` hook that rejects forms which another site made a browser submit (CSRF).
 *
 * Browsers name the source of a request in `Sec-Fetch-Site`; older ones, and all on plain HTTP, in `Origin`. A client
 * that sends neither is not a browser, so it holds no login that another site could misuse. Forms need no token, so
 * that pages are the same for all visitors and can be cached.
 */
export function requireSameSite (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  done(SAFE_METHODS.has(request.method) || isSameSite(request) ? undefined : new CrossSiteError())
}

function isSameSite ({ headers, host }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  // Compares only the host: behind a proxy that ends TLS, the scheme is unknown.
  return headers.origin === undefined || URL.parse(headers.origin)?.host === host
}
