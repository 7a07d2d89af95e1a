import { STATUS_CODES } from 'node:http'
import type { FastifySchema } from 'fastify'

/** An object in JSON Schema, as far as OpenAPI needs more than validation. */
interface ObjectSchema {
  readonly properties?: Readonly<Record<string, object>>
  readonly required?: readonly string[]
}

/** No product has it, so requests with it change nothing. */
const NO_ID = '999999999'
const PRODUCT = { title: 'Quince jelly', price: '5.50' }

/** Examples for /docs, by method and URL. Each can be sent as it is, and changes no data that is there. */
const EXAMPLES: Readonly<Record<string, { body?: object, params?: object, querystring?: object }>> = {
  'POST /api/products': { body: PRODUCT },
  'PATCH /api/products': { body: { where: { ids: [Number(NO_ID)] }, set: { price: '5.50' } } },
  'DELETE /api/products': { querystring: { id: [NO_ID] } },
  'GET /api/products/:id': { params: { id: '1' } },
  'PUT /api/products/:id': { params: { id: NO_ID }, body: PRODUCT },
  'PATCH /api/products/:id': { params: { id: NO_ID }, body: { price: '5.50' } },
  'DELETE /api/products/:id': { params: { id: NO_ID } },
  'GET /cache/explain': { querystring: { url: '/apicalls' } },
  'POST /cache/purge': { body: { url: '/apicalls' } }
}

/**
 * Adds to the schema of a route what people need in /docs and validation does not: examples, and descriptions of
 * responses. Parameters with a default become optional.
 *
 * @param route its method and URL, e.g. `GET /api/products/:id`
 */
export function describeRoute (schema: FastifySchema, route: string): FastifySchema {
  const { body, params, querystring } = EXAMPLES[route] ?? {}
  return {
    ...schema,
    ...body !== undefined && { body: { ...schema.body as object, examples: [body] } },
    ...schema.params !== undefined && { params: describeParameters(schema.params as ObjectSchema, params) },
    ...schema.querystring !== undefined && {
      querystring: describeParameters(schema.querystring as ObjectSchema, querystring)
    },
    ...schema.response !== undefined && { response: describeResponses(schema.response as Record<string, object>) }
  }
}

function describeParameters (schema: ObjectSchema, examples: object = {}): ObjectSchema {
  const { properties = {}, required = [] } = schema
  return {
    ...schema,
    properties: Object.fromEntries(Object.entries(properties).map(([name, property]) => {
      const example = (examples as Record<string, unknown>)[name]
      return [name, example === undefined ? property : { ...property, example }]
    })),
    required: required.filter((name) => !('default' in properties[name]!))
  }
}

const DESCRIPTIONS: Readonly<Record<string, string | undefined>> = {
  ...STATUS_CODES,
  200: 'Done.',
  201: 'Created.',
  204: 'Deleted.',
  400: 'The request is invalid. The message names the field. Nothing was changed.',
  401: 'The token is missing or wrong.',
  404: 'There is no such product.',
  413: 'The body is too long.',
  503: 'A part that the service needs is unavailable. Try again.'
}

function describeResponses (responses: Readonly<Record<string, object>>): Record<string, object> {
  return Object.fromEntries(Object.entries(responses).map(([status, schema]) =>
    [status, { description: DESCRIPTIONS[status], ...schema }]))
}
