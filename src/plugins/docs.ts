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
    transformStaticCSP: (policy) => policy
      // The service speaks plain HTTP, and on any host but localhost a browser would then load nothing.
      .replace('upgrade-insecure-requests;', '')
      // Swagger UI writes a style into its markup; nothing is loaded from elsewhere.
      .replace("style-src 'self' https:", "style-src 'self' 'unsafe-inline'")
  })
}, { fastify: '5.x', name: 'larder-docs' })
