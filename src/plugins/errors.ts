import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { resolveRetryAfter } from '../errors.ts'

/** Responds to every error with a page or with Fastify's JSON form, and reveals no internals. */
export default fp((app, _options, done) => {
  app.setErrorHandler((error: FastifyError | null, request, reply) => {
    const status = getErrorStatus(error)
    // One line says that the service is overloaded, and more of them would add to the load.
    if (status >= 500 && error?.code !== 'LARDER_OVERLOADED') request.log.error({ err: error }, 'request failed')
    else request.log.info({ code: error?.code, reason: error?.message }, 'request rejected')
    // Only messages by Fastify and by this service are written for clients.
    return error !== null && /^(?:FST|LARDER)_/.test(error.code)
      ? sendError(request, reply, status, error.message, error.code)
      : sendError(request, reply, status, getPublicMessage(status))
  })
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0]!.slice(0, 200)
    return sendError(request, reply, 404, `There is nothing at ${request.method} ${path}.`)
  })
  done()
}, { fastify: '5.x', name: 'larder-errors' })

function sendError (request: FastifyRequest, reply: FastifyReply, statusCode: number, message: string, code?: string) {
  const error = STATUS_CODES[statusCode] ?? 'Error'
  reply.code(statusCode)
  // An error concerns one request only. These headers replace those that the route has set for its usual response.
  reply.header('cache-control', 'no-store').header('vary', 'accept')
  if (statusCode === 503) reply.header('retry-after', resolveRetryAfter(code))
  if (prefersHtml(request)) {
    const { method } = request
    // A failure of the service may be over soon. A rejected request would be rejected again.
    const retry = statusCode < 500 ? undefined : method === 'GET' || method === 'HEAD' ? 'load' : 'submit'
    return reply.viewAsync('error', { statusCode, error, message, retry })
  }
  const body = { statusCode, ...code !== undefined && { code }, error, message }
  return reply.type('application/json; charset=utf-8').serializer(JSON.stringify).send(body)
}

/** Paths of pages. Everything else responds with JSON if the client accepts anything. */
const PAGES = /^\/(?:(?:apicalls|products)(?=[/?]|$))?(?:[/?]|$)/

/** Returns whether the error should be a page: for a browser, or at the path of a page. Never in the API. */
function prefersHtml ({ headers, url }: FastifyRequest): boolean {
  const accept = headers.accept ?? '*/*'
  if (accept.includes('text/html')) return !url.startsWith('/api/')
  return accept.includes('*/*') && PAGES.test(url)
}

function getErrorStatus (error: FastifyError | null): number {
  const status = error?.statusCode
  return status !== undefined && status >= 400 && status < 600 ? status : 500
}

function getPublicMessage (status: number): string {
  return status < 500 ? 'The request could not be understood.' : 'Something went wrong on our side.'
}
