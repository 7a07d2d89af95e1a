import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Frame, renderError } from './view/page.ts'

/** The page loads nothing from other sites, runs no foreign scripts, and cannot be framed. */
const HEADERS = {
  'content-security-policy': "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'same-origin'
}

/** Seconds after which a client may repeat a request that got a 503. */
const RETRY_AFTER = 10

/** The `Cache-Control` of assets. All other responses are stored nowhere. */
export const REVALIDATE = 'private, no-cache'

/**
 * Sets the headers of all responses of the scope, whatever hooks of the application set, and sends the errors of the
 * dashboard. The error handler of the application gets all others.
 *
 * @param findFrame returns what an error page needs
 */
export function prepareResponses (scope: FastifyInstance, findFrame: (request: FastifyRequest) => Frame): void {
  scope.addHook('onSend', (_request, reply, payload, done) => {
    reply.headers(HEADERS)
    if (reply.getHeader('cache-control') !== REVALIDATE) reply.header('cache-control', 'no-store')
    done(null, payload)
  })

  scope.setErrorHandler((error: unknown, request, reply) => {
    if (!isOurs(error)) return reply.send(error instanceof Error ? error : new Error(String(error)))
    const { statusCode, code, message } = error
    const title = STATUS_CODES[statusCode!]!
    reply.code(statusCode!)
    if (statusCode === 503) reply.header('retry-after', RETRY_AFTER)
    return request.headers.accept?.includes('text/html')
      ? sendHtml(reply, renderError(findFrame(request), title, message))
      : sendJson(reply, { statusCode, code, error: title, message })
  })
}

function isOurs (error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('FST_ERR_LARDER_')
}

export function sendHtml (reply: FastifyReply, page: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(page)
}

/** Sends JSON, whatever serializer the application has. */
export function sendJson (reply: FastifyReply, data: object): FastifyReply {
  return reply.type('application/json; charset=utf-8').serializer(JSON.stringify).send(data)
}
