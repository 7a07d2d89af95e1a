import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'
import { DASHBOARD_SCHEMAS, SECURITY_SCHEMES } from './dashboard-schemas.ts'
import { describeRoute } from './describe-route.ts'

/** The name of the service, in the place of the logo of Fastify. */
const LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="32"><text y="24" fill="#fff" ' +
  'font-family="system-ui, sans-serif" font-size="24" font-weight="700">Larder</text></svg>'

const DESCRIPTION = 'A catalogue with two caches. [Products](/), [API calls](/apicalls), [Cache](/cache)\n\n' +
  'The examples can be sent as they are. They change no product that is there.'

/** OpenAPI from the schemas of the routes, at /docs and /docs/json. Register it before the routes. */
export default fp(async (app) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Larder', version: '0.1.0', description: DESCRIPTION },
      tags: [{ name: 'products' }, { name: 'cache' }, { name: 'health' }],
      components: { securitySchemes: SECURITY_SCHEMES }
    },
    transform: ({ schema = {}, url, route }) => {
      const name = `${[route.method].flat()[0]} ${url}`
      return { schema: describeRoute(DASHBOARD_SCHEMAS[url] ?? schema, name), url }
    }
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'API docs · Larder' },
    logo: { type: 'image/svg+xml', content: LOGO, href: '/', target: '_self' },
    staticCSP: true,
    transformStaticCSP: (policy) => policy
      // The service uses plain HTTP. With this directive a browser would load nothing, except from localhost.
      .replace('upgrade-insecure-requests;', '')
      // Swagger UI has an inline style. It loads nothing from other sites.
      .replace("style-src 'self' https:", "style-src 'self' 'unsafe-inline'")
  })
}, { fastify: '5.x', name: 'larder-docs' })
