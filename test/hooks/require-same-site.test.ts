import Fastify from 'fastify'
import t from 'tap'
import { requireSameSite } from '../../src/hooks/require-same-site.ts'

const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE'] as const
const SAFE = ['GET', 'HEAD', 'OPTIONS'] as const

const app = Fastify()
app.route({ method: [...UNSAFE, ...SAFE], url: '/', onRequest: requireSameSite, handler: async () => 'done' })
t.teardown(() => app.close())

type Method = typeof UNSAFE[number] | typeof SAFE[number]

async function getStatus (method: Method, headers: Record<string, string>): Promise<number> {
  const response = await app.inject({ method, url: '/', headers: { host: 'shop.example:8080', ...headers } })
  return response.statusCode
}

t.test('requests from this site, from users and from programs are accepted', async (t) => {
  for (const headers of [
    {},
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { origin: 'http://shop.example:8080' },
    { origin: 'https://shop.example:8080' },
    { 'sec-fetch-site': 'same-origin', origin: 'null' }
  ]) {
    for (const method of UNSAFE) t.equal(await getStatus(method, headers), 200, `${method} ${JSON.stringify(headers)}`)
  }
})

t.test('unsafe requests from other sites are rejected with 403', async (t) => {
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': '' },
    { 'sec-fetch-site': 'cross-site', origin: 'http://shop.example:8080' },
    { origin: 'http://evil.example' },
    { origin: 'http://shop.example' },
    { origin: 'http://shop.example:80801' },
    { origin: 'http://sub.shop.example:8080' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'shop.example:8080' }
  ]) {
    for (const method of UNSAFE) t.equal(await getStatus(method, headers), 403, `${method} ${JSON.stringify(headers)}`)
    for (const method of SAFE) t.equal(await getStatus(method, headers), 200, `${method} ${JSON.stringify(headers)}`)
  }
})
