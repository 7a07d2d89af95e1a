import type { FastifyReply, FastifyRequest } from 'fastify'
import { CrossSiteError } from '../errors.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * An `onRequest` hook that refuses forms which another site made a browser send. Browsers say where a request comes
 * from in `Sec-Fetch-Site`, older ones and those on plain HTTP in `Origin`; what sends neither is no browser, and
 * has nobody's rights to borrow. No token is needed, so pages stay the same for everyone and can be cached.
 */
export function requireSameSite (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  done(SAFE.has(request.method) || isSameSite(request) ? undefined : new CrossSiteError())
}

function isSameSite ({ headers, host }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  // Only the host is compared: behind a proxy that ends TLS the scheme is not known.
  return headers.origin === undefined || URL.parse(headers.origin)?.host === host
}
