import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { DASHBOARD_SCHEMAS, SECURITY_SCHEMES } from './dashboard-schemas.ts'

/** OpenAPI from the schemas of the routes, at /docs and /docs/json. Register it before the routes. */
export default fp(async (app) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Larder', version: '0.1.0', description: 'A product catalogue with two caches.' },
      tags: [{ name: 'products' }, { name: 'cache' }, { name: 'health' }],
      components: { securitySchemes: SECURITY_SCHEMES }
    },
    transform: ({ schema, url }) => ({ schema: DASHBOARD_SCHEMAS[url] ?? schema, url })
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    transformStaticCSP: (policy) => policy
      // The service uses plain HTTP. With this directive a browser would load nothing, except from localhost.
      .replace('upgrade-insecure-requests;', '')
      // Swagger UI has an inline style. It loads nothing from other sites.
      .replace("style-src 'self' https:", "style-src 'self' 'unsafe-inline'")
  })
}, { fastify: '5.x', name: 'larder-docs' })
