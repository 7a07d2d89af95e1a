import { hash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { onRequestHookHandler } from 'fastify'
import { UnauthorizedError } from '../errors.ts'

/**
 * Creates an `onRequest` hook for pages that show internals.
 *
 * A service that listens on loopback shows them to every client. Any other service requires the token, and shows them
 * to nobody if no token is set.
 *
 * @param options.host the host on which the service listens
 * @param options.token the `ADMIN_TOKEN`
 */
export function requireAdmin ({ host, token }: { host: string, token: string | undefined }): onRequestHookHandler {
  return isLoopback(host) ? (_request, _reply, done) => done() : requireToken(token)
}

/**
 * Creates an `onRequest` hook that requires the token, even on loopback.
 *
 * Clients send it as `Authorization: Bearer <token>`, browsers as the password of Basic authentication.
 *
 * @param token `undefined`: reject every request
 */
export function requireToken (token: string | undefined): onRequestHookHandler {
  const expected = token === undefined ? undefined : digest(token)

  return function checkToken (request, reply, done): void {
    // Digests have the same length, so the time of the comparison reveals nothing about the token.
    const sent = digest(parseToken(request.headers.authorization))
    if (expected !== undefined && timingSafeEqual(sent, expected)) return done()
    reply.header('www-authenticate', 'Basic realm="Larder"')
    done(new UnauthorizedError())
  }
}

export function isLoopback (host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function parseToken (authorization: string = ''): string {
  const [scheme = '', credentials = ''] = authorization.split(' ', 2)
  if (scheme.toLowerCase() === 'bearer') return credentials
  if (scheme.toLowerCase() !== 'basic') return ''
  const pair = Buffer.from(credentials, 'base64').toString()
  return pair.slice(pair.indexOf(':') + 1)
}

function digest (text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
