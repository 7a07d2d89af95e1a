import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'

/** OpenAPI from the schemas of the routes, at /docs and /docs/json. Register it before the routes. */
export default fp(async (app) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Larder', version: '0.1.0', description: 'A product catalogue behind two caches.' },
      tags: [{ name: 'products' }, { name: 'cache' }, { name: 'health' }]
    }
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // The service speaks plain HTTP, and on any host but localhost a browser would then load nothing.
    transformStaticCSP: (policy) => policy.replace('upgrade-insecure-requests;', '')
  })
}, { fastify: '5.x', name: 'larder-docs' })
