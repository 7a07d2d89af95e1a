import t from 'tap'
import { testApp } from '../support/app.ts'

const app = await testApp(t, { ADMIN_TOKEN: 'secret' })

t.test('GET /docs is a page that loads nothing from other sites', async (t) => {
  const page = await app.inject({ url: '/docs' })
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-type'], /^text\/html/)
  const links = Array.from(page.body.matchAll(/(?:src|href)="([^"]+)"/g), ([, url]) => url!)
  t.ok(links.length > 3)
  for (const url of links) {
    t.match(url, /^\.?\/(?!\/)/, url)
    t.equal((await app.inject({ url: new URL(url, 'http://localhost/docs/').pathname })).statusCode, 200, url)
  }
  t.match(page.headers['content-security-policy'], "default-src 'self'")
})

t.test('GET /docs/json describes the routes with their bodies and responses', async (t) => {
  const response = await app.inject({ url: '/docs/json' })
  t.equal(response.statusCode, 200)
  const { openapi, info, paths, components } = response.json()
  t.match(openapi, /^3\.1/)
  t.equal(info.title, 'Larder')
  const operations = Object.entries<Record<string, { responses: object }>>(paths).flatMap(([path, methods]) => {
    return Object.entries(methods).map(([method, { responses }]) => {
      return `${method} ${path} ${Object.keys(responses).join()}`
    })
  })
  t.same(operations.sort(), [
    'delete /api/products 200,400,503',
    'delete /api/products/{id} 204,400,404,503',
    'get /api/products 200,400,503',
    'get /api/products/{id} 200,400,404,503',
    'get /cache/explain 200,400,401',
    'get /healthz 200',
    'get /readyz 200,503',
    'patch /api/products 200,400,503',
    'patch /api/products/{id} 200,400,404,503',
    'post /api/products 201,400,413,503',
    'post /cache/purge 200,400,401,503',
    'put /api/products/{id} 200,400,404,503'
  ])
  const body = paths['/api/products/{id}'].put.requestBody.content['application/json'].schema
  const { headers } = paths['/api/products'].post.responses['503']
  t.match(headers, { 'Retry-After': { schema: { type: 'integer' }, description: String } })
  t.match(components.securitySchemes, { ADMIN_TOKEN: { type: 'http', scheme: 'bearer' } })
  t.same(paths['/cache/purge'].post.security, [{ ADMIN_TOKEN: [] }])
  t.same(paths['/cache/explain'].get.security, [{ ADMIN_TOKEN: [] }, {}])
  t.match(body, { additionalProperties: false, properties: { title: { maxLength: 200 }, price: { maxLength: 20 } } })
})

t.test('the examples of /docs can be sent as they are, and change no product that is there', async (t) => {
  const { paths } = (await app.inject('/docs/json')).json()
  const list = async () => (await app.inject('/api/products?limit=1000')).json().items
  const before = await list()
  const statuses: Record<string, number> = {}
  for (const [path, methods] of Object.entries<Record<string, any>>(paths)) {
    for (const [method, { parameters = [], requestBody, responses }] of Object.entries(methods)) {
      for (const [status, { description }] of Object.entries<{ description: string }>(responses)) {
        t.notMatch(description, /^Default/, `${method} ${path} ${status}`)
      }
      let url = path
      const query = new URLSearchParams()
      for (const { in: place, name, required, schema } of parameters) {
        const { default: value, example = value } = schema
        if (required) t.ok(example !== undefined && value === undefined, `${method} ${path} ${name}`)
        if (place === 'path') url = url.replace(`{${name}}`, example)
        else if (example !== undefined) for (const one of [example].flat()) query.append(name, one)
      }
      const { example } = requestBody?.content['application/json'] ?? {}
      const { statusCode } = await app.inject({
        method: method.toUpperCase() as 'GET',
        url: `${url}?${query}`,
        headers: { authorization: 'Bearer secret' },
        ...requestBody !== undefined && { payload: example ?? t.fail(`${method} ${path} has no example`) }
      })
      statuses[`${method} ${path}`] = statusCode
      t.ok(String(statusCode) in responses, `${method} ${path} ${statusCode}`)
    }
  }
  t.match(statuses, {
    'patch /api/products': 200,
    'delete /api/products': 200,
    'post /api/products': 201,
    'get /api/products/{id}': 200,
    'put /api/products/{id}': 404,
    'patch /api/products/{id}': 404,
    'delete /api/products/{id}': 404,
    'get /cache/explain': 200,
    'post /cache/purge': 200
  })
  t.same((await list()).filter(({ title }: { title: string }) => title !== 'Quince jelly'), before)
})
