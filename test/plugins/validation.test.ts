import Fastify from 'fastify'
import t from 'tap'
import validation, { NOT_BLANK } from '../../src/plugins/validation.ts'

const strict = { additionalProperties: false }
const app = Fastify()
app.register(validation)
app.register(async (app) => {
  const item = {
    type: 'object',
    required: ['name'],
    properties: { name: { type: 'string', pattern: NOT_BLANK }, size: { type: 'number' } },
    ...strict
  }
  const oneOrMany = { anyOf: [item, { type: 'array', items: item, maxItems: 2 }] }
  app.post('/items', { schema: { body: oneOrMany } }, async ({ body }) => body)
  app.post('/item', { schema: { body: item } }, async ({ body }) => body)
  app.get('/items', {
    schema: {
      querystring: {
        type: 'object',
        properties: {
          page: { type: 'integer', maximum: 9, default: 1 },
          code: { type: 'string', pattern: '^[a-z]+$' },
          tag: { type: 'array', items: { type: 'string' } }
        }
      }
    }
  }, async ({ query }) => query)
})
t.teardown(() => app.close())

/** Returns the validated value, or the error message. */
async function validate (url: string, body?: unknown): Promise<unknown> {
  const response = await app.inject(body === undefined
    ? { url }
    : { method: 'POST', url, payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  return response.statusCode === 200 ? response.json() : response.json().message
}

t.test('query parameters are coerced to their types, and defaults are set', async (t) => {
  t.same(await validate('/items'), { page: 1 })
  t.same(await validate('/items?page=7&tag=a&other=x'), { page: 7, tag: ['a'], other: 'x' })
  t.same(await validate('/items?tag=a&tag=b'), { page: 1, tag: ['a', 'b'] })
  t.equal(await validate('/items?page=x'), 'querystring/page must be integer')
  t.equal(await validate('/items?page=10'), 'querystring/page must be <= 9')
  t.equal(await validate('/items?page=1e999'), 'querystring/page must be <= 9')
  t.equal(await validate('/items?code=A1'), 'querystring/code must match pattern "^[a-z]+$"')
})

t.test('fields of a body are not coerced', async (t) => {
  t.same(await validate('/item', { name: 'x' }), { name: 'x' })
  t.same(await validate('/item', { name: 'x', size: 2 }), { name: 'x', size: 2 })
  t.equal(await validate('/item', { name: 'x', size: '2' }), 'body/size must be number')
  t.equal(await validate('/item', { name: 2 }), 'body/name must be string')
  for (const name of [' ', '\u200b', '\u00ad\u3164', '\u2800']) {
    t.equal(await validate('/item', { name }), 'body/name must not be blank')
  }
  t.equal(await validate('/item', { name: 'x', colour: 'red' }), "body must not have the field 'colour'")
})

t.test('the error for anyOf is about the alternative that the client meant', async (t) => {
  t.same(await validate('/items', [{ name: 'x' }]), [{ name: 'x' }])
  t.equal(await validate('/items', {}), "body must have required property 'name'")
  t.equal(await validate('/items', { name: 1 }), 'body/name must be string')
  t.equal(await validate('/items', [{ name: 'x' }, { name: 1 }]), 'body/1/name must be string')
  t.equal(await validate('/items', [{ name: 'x' }, {}]), "body/1 must have required property 'name'")
  const three = [{ name: 'x' }, { name: 'x' }, { name: 'x' }]
  t.equal(await validate('/items', three), 'body must NOT have more than 2 items')
  t.equal(await validate('/items', 7), 'body must be object')
})
