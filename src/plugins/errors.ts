import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { STATUS_CODES } from 'node:http'

/** Answers every error: a page for who asks for one, else Fastify's JSON form. What is inside stays inside. */
export default fp((app, _options, done) => {
  app.setErrorHandler((error: FastifyError | null, request, reply) => {
    const status = statusOf(error?.statusCode)
    if (status >= 500) request.log.error({ err: error }, 'the request failed')
    else request.log.info({ code: error?.code, reason: error?.message }, 'the request was refused')
    // Only Fastify and we write messages for others.
    return error !== null && /^(?:FST|LARDER)_/.test(error.code)
      ? answer(request, reply, status, error.message, error.code)
      : answer(request, reply, status, messageFor(status))
  })
  app.setNotFoundHandler((request, reply) => answer(request, reply, 404, `There is nothing at ${request.method} ${pathOf(request)}.`))
  done()
}, { fastify: '5.x', name: 'larder-errors' })

function answer (request: FastifyRequest, reply: FastifyReply, statusCode: number, message: string, code?: string) {
  const error = STATUS_CODES[statusCode] ?? 'Error'
  reply.code(statusCode)
  // An error belongs to who caused it. Nobody may keep it, and what its route would have said of the page does not apply.
  reply.header('cache-control', 'no-store').header('vary', 'accept')
  if (wantsHtml(request)) return reply.viewAsync('error', { statusCode, error, message })
  return reply.type('application/json; charset=utf-8').serializer(JSON.stringify).send({ statusCode, ...code !== undefined && { code }, error, message })
}

/** Pages answer in HTML to a browser, and to who does not say; the API and everything else in JSON. */
function wantsHtml ({ headers, url }: FastifyRequest): boolean {
  const accept = headers.accept ?? '*/*'
  if (accept.includes('text/html')) return !url.startsWith('/api/')
  return accept.includes('*/*') && HTML_PATHS.test(url)
}

const HTML_PATHS = /^\/(?:(?:apicalls|products|cache(?!\/(?:purge|explain|events)))(?=[/?]|$))?(?:[/?]|$)/

function statusOf (status: number | undefined): number {
  return status !== undefined && status >= 400 && status < 600 ? status : 500
}

function messageFor (status: number): string {
  return status < 500 ? 'The request could not be understood.' : 'Something went wrong on our side.'
}

function pathOf ({ url }: FastifyRequest): string {
  return url.split('?', 1)[0]!.slice(0, 200)
}
