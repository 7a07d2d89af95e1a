import helmet from '@fastify/helmet'
import fp from 'fastify-plugin'

/** Pages load nothing from elsewhere, run no script of others and sit in nobody's frame. */
export default fp(async (app) => {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'self'"], formAction: ["'self'"], frameAncestors: ["'none'"], baseUri: ["'none'"], objectSrc: ["'none'"] }
    },
    // The service speaks plain HTTP; whoever puts TLS in front of it decides about HSTS there.
    strictTransportSecurity: false
  })
}, { fastify: '5.x', name: 'larder-security-headers' })
