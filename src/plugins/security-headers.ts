import type { IncomingMessage, ServerResponse } from 'node:http'
import type { onSendHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import helmet from 'helmet'

/** Pages load nothing from other sites, run no foreign scripts, and cannot be framed. */
const protect = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
      baseUri: ["'none'"],
      objectSrc: ["'none'"]
    }
  },
  xFrameOptions: { action: 'deny' },
  // With `no-referrer`, a browser on plain HTTP sends `Origin: null` with our own forms.
  referrerPolicy: { policy: 'same-origin' },
  // The service uses plain HTTP. A proxy that adds TLS decides about HSTS.
  strictTransportSecurity: false,
  // These concern browsers that are no longer in use.
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false
})

/** Runs the middleware once, and returns the headers that it sets: they are the same for every response. */
function recordHeaders (middleware: typeof protect): Record<string, string> {
  const headers: Record<string, string> = {}
  const response = {
    setHeader (name: string, value: string) { headers[name.toLowerCase()] = value },
    removeHeader () {}
  }
  middleware({} as IncomingMessage, response as unknown as ServerResponse, () => {})
  return headers
}

const headers = Object.entries(recordHeaders(protect))

/** Adds the headers, unless the route has set its own. A page is stored with them, so hits may skip this hook. */
const setSecurityHeaders: onSendHookHandler = (_request, reply, payload, done) => {
  for (const [name, value] of headers) {
    if (!reply.hasHeader(name)) reply.header(name, value)
  }
  done(null, payload)
}

/** The name of the hook. It has to be added before those of the page cache: then a page is stored with its headers. */
export const SECURITY_HEADERS_HOOK = setSecurityHeaders.name

export default fp((app, _options, done) => {
  app.addHook('onSend', setSecurityHeaders)
  done()
}, { fastify: '5.x', name: 'larder-security-headers' })
