import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { STATUS_CODES } from 'node:http'

/** Answers every error: a page for who asks for one, else Fastify's JSON form. What is inside stays inside. */
export default fp((app, _options, done) => {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode !== undefined && error.statusCode >= 400 ? error.statusCode : 500
    if (status >= 500) request.log.error({ err: error }, 'the request failed')
    else request.log.info({ code: error.code, reason: error.message }, 'the request was refused')
    // Only errors of Fastify's kind, with a code and a status, have a message meant for others.
    const own = error.statusCode !== undefined && error.code !== undefined
    return answer(request, reply, status, own ? error.message : messageFor(status), own ? error.code : undefined)
  })
  app.setNotFoundHandler((request, reply) => answer(request, reply, 404, `There is nothing at ${request.method} ${pathOf(request)}.`))
  done()
}, { fastify: '5.x', name: 'larder-errors' })

function answer (request: FastifyRequest, reply: FastifyReply, statusCode: number, message: string, code?: string) {
  const error = STATUS_CODES[statusCode] ?? 'Error'
  reply.code(statusCode)
  // An error belongs to who caused it. Nobody may keep it, and what its route would have said of the page does not apply.
  reply.header('cache-control', 'no-store')
  if (wantsHtml(request)) return reply.viewAsync('error', { statusCode, error, message })
  return reply.type('application/json; charset=utf-8').serializer(JSON.stringify).send({ statusCode, ...code !== undefined && { code }, error, message })
}

/** Pages answer in HTML to a browser, and to who does not say; the API and everything else in JSON. */
function wantsHtml ({ headers, url }: FastifyRequest): boolean {
  const accept = headers.accept ?? '*/*'
  if (accept.includes('text/html')) return !url.startsWith('/api/')
  return accept.includes('*/*') && HTML_PATHS.test(url)
}

const HTML_PATHS = /^\/(?:$|\?|apicalls|products|cache)/

function messageFor (status: number): string {
  return status < 500 ? 'The request could not be understood.' : 'Something went wrong on our side.'
}

function pathOf ({ url }: FastifyRequest): string {
  return url.split('?', 1)[0]!.slice(0, 200)
}
