import type { FastifyReply, FastifyRequest } from 'fastify'
import { CrossSiteError } from '../errors.ts'
import { isSameSite } from '../larder/index.ts'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * An `onRequest` hook that rejects forms which another site made a browser submit (CSRF).
 *
 * Forms need no token, so that pages are the same for all visitors and can be cached.
 */
export function requireSameSite (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void {
  done(SAFE_METHODS.has(request.method) || isSameSite(request) ? undefined : new CrossSiteError())
}
