import type { IncomingMessage, ServerResponse } from 'node:http'
import fp from 'fastify-plugin'
import helmet from 'helmet'

/** Pages load nothing from elsewhere, run no script of others and sit in nobody's frame. */
const protect = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { defaultSrc: ["'self'"], formAction: ["'self'"], frameAncestors: ["'none'"], baseUri: ["'none'"], objectSrc: ["'none'"] }
  },
  xFrameOptions: { action: 'deny' },
  // With `no-referrer`, browsers on plain HTTP would not tell our own forms from those of other sites.
  referrerPolicy: { policy: 'same-origin' },
  // The service speaks plain HTTP; whoever puts TLS in front of it decides about HSTS there.
  strictTransportSecurity: false,
  // For browsers that nobody has any more.
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false
})

/** What helmet would set on each answer is the same on all, so it is asked once. */
function headersOf (middleware: typeof protect): Record<string, string> {
  const headers: Record<string, string> = {}
  const response = {
    setHeader (name: string, value: string) { headers[name.toLowerCase()] = value },
    removeHeader () {}
  }
  middleware({} as IncomingMessage, response as unknown as ServerResponse, () => {})
  return headers
}

export default fp((app, _options, done) => {
  const headers = headersOf(protect)
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers)
    done()
  })
  done()
}, { fastify: '5.x', name: 'larder-security-headers' })
