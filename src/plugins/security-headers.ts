import type { IncomingMessage, ServerResponse } from 'node:http'
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

export default fp((app, _options, done) => {
  const headers = recordHeaders(protect)
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
  done()
}, { fastify: '5.x', name: 'larder-security-headers' })
