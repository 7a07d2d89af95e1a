import crypto from 'node:crypto'
import createError from '@fastify/error'
import type { onRequestHookHandler } from 'fastify'
import { OptionError } from '../cache/index.ts'

export const TokenError = createError('FST_ERR_LARDER_TOKEN',
  'This request requires the token. Send it as a bearer token, or as the password of Basic authentication.', 401)

const NoTokenError = createError('FST_ERR_LARDER_TOKEN',
  'This request is not from this machine, or not direct, and there is no token for others. Set the option token.', 401)

/**
 * Checks the option `token`. Clients send other characters in different ways. An empty one is a mistake, e.g. an
 * environment variable that is set to nothing.
 */
export function checkToken (token: unknown): void {
  if (token === undefined || (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token))) return
  throw new OptionError('The option token must be a text of ASCII characters without white space, and not empty.')
}

/**
 * Creates an `onRequest` hook that requires the token.
 *
 * Clients send it as `Authorization: Bearer <token>`, browsers as the password of Basic authentication.
 *
 * @param token `undefined`: reject every request
 */
export function requireToken (token: string | undefined): onRequestHookHandler {
  if (token === undefined) return (_request, _reply, done) => done(new NoTokenError())
  const expected = digest(token)

  return function checkAuthorization (request, reply, done): void {
    // Digests have the same length, so the time of the comparison reveals nothing about the token.
    const sent = digest(parseToken(request.headers.authorization))
    if (crypto.timingSafeEqual(sent, expected)) return done()
    reply.header('www-authenticate', 'Basic realm="Larder", charset="UTF-8"')
    done(new TokenError())
  }
}

function parseToken (authorization: string = ''): string {
  const [scheme = '', credentials = ''] = authorization.split(' ', 2)
  if (scheme.toLowerCase() === 'bearer') return credentials
  if (scheme.toLowerCase() !== 'basic') return ''
  const pair = Buffer.from(credentials, 'base64').toString()
  return pair.slice(pair.indexOf(':') + 1)
}

function digest (text: string): Buffer {
  return crypto.hash('sha256', text, 'buffer')
}
