import { hash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { onRequestHookHandler } from 'fastify'
import { UnauthorizedError } from '../errors.ts'

/**
 * An `onRequest` hook for pages that tell about the inside. A service that listens on loopback shows them to who
 * can reach it; any other wants the token, and shows them to nobody where none is set.
 */
export function requireAdmin ({ host, token }: { host: string, token: string | undefined }): onRequestHookHandler {
  return isLoopback(host) ? (_request, _reply, done) => done() : requireToken(token)
}

/** An `onRequest` hook that wants the token, as `Authorization: Bearer <token>` or as the password that a browser asks for. */
export function requireToken (token: string | undefined): onRequestHookHandler {
  const expected = token === undefined ? undefined : digest(token)

  return function checkToken (request, reply, done): void {
    // Digests have one length, so the comparison takes one time.
    if (expected !== undefined && timingSafeEqual(digest(tokenOf(request.headers.authorization)), expected)) return done()
    reply.header('www-authenticate', 'Basic realm="Larder"')
    done(new UnauthorizedError())
  }
}

export function isLoopback (host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}

function tokenOf (authorization: string = ''): string {
  const [scheme = '', credentials = ''] = authorization.split(' ', 2)
  if (scheme.toLowerCase() === 'bearer') return credentials
  if (scheme.toLowerCase() !== 'basic') return ''
  const pair = Buffer.from(credentials, 'base64').toString()
  return pair.slice(pair.indexOf(':') + 1)
}

const digest = (text: string): Buffer => hash('sha256', text, 'buffer')
