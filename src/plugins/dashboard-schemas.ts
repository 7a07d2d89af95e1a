import type { FastifySchema } from 'fastify'
import Type from 'typebox'

/* What /docs says of the routes of the dashboard. The package hides them, as they are not for users of the site. */

/** The name of the token in OpenAPI's `securitySchemes`. */
const TOKEN = 'ADMIN_TOKEN'

export const SECURITY_SCHEMES = {
  [TOKEN]: {
    type: 'http', scheme: 'bearer', description: 'The ADMIN_TOKEN of the service. It opens the purge and the dashboard.'
  }
} as const

const tags = ['cache']
const ErrorReply = Type.Object({
  statusCode: Type.Integer(), code: Type.String(), error: Type.String(), message: Type.String()
})
const failures = { 400: ErrorReply, 401: ErrorReply }

const ExplainQuery = Type.Object({
  url: Type.Optional(Type.String({ description: 'The URL of the request to explain, or its path and query' })),
  key: Type.Optional(Type.String({ description: 'A key of the low-level cache, in place of a URL' })),
  method: Type.Optional(Type.Union([Type.Literal('GET'), Type.Literal('HEAD')])),
  header: Type.Optional(Type.Array(Type.String(), { description: 'Headers of the request, each as "Name: value"' }))
})
const PurgeBody = Type.Union([
  Type.Object({ url: Type.String() }),
  Type.Object({ urlPrefix: Type.String() }),
  Type.Object({ route: Type.String() }),
  Type.Object({ tag: Type.String() }),
  Type.Object({ tags: Type.Array(Type.String()) }),
  Type.Object({ all: Type.Literal(true) })
])

/** The schemas for OpenAPI, by the URLs of the routes. They validate nothing. */
export const DASHBOARD_SCHEMAS: Readonly<Record<string, FastifySchema>> = {
  '/cache/explain': {
    tags,
    summary: 'Explain what a request would get from the cache now, or what is stored under a key',
    security: [{ [TOKEN]: [] }, {}], // none from this machine, if the service listens on loopback
    querystring: ExplainQuery,
    response: { 200: Type.Object({ outcome: Type.Object({ rule: Type.String() }) }), ...failures }
  },
  '/cache/purge': {
    tags,
    summary: 'Delete stored responses and values',
    security: [{ [TOKEN]: [] }],
    body: PurgeBody,
    response: { 200: Type.Object({ purged: Type.Integer() }), ...failures, 503: ErrorReply }
  }
}
