import Fastify from 'fastify'
import t from 'tap'
import { requireSameSite } from '../../src/hooks/require-same-site.ts'

const app = Fastify()
app.route({ method: ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'], url: '/', onRequest: requireSameSite, handler: async () => 'done' })
t.teardown(() => app.close())

const CHANGING = ['POST', 'PUT', 'PATCH', 'DELETE'] as const
const SAFE = ['GET', 'HEAD', 'OPTIONS'] as const

async function status (method: typeof CHANGING[number] | typeof SAFE[number], headers: Record<string, string>): Promise<number> {
  return (await app.inject({ method, url: '/', headers: { host: 'shop.example:8080', ...headers } })).statusCode
}

t.test('a page of this site, a person and a program may change things', async (t) => {
  for (const headers of [
    {}, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin: 'http://shop.example:8080' }, { origin: 'https://shop.example:8080' },
    { 'sec-fetch-site': 'same-origin', origin: 'null' }
  ]) {
    for (const method of CHANGING) t.equal(await status(method, headers), 200, `${method} ${JSON.stringify(headers)}`)
  }
})

t.test('pages of other sites may not', async (t) => {
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': '' }, { 'sec-fetch-site': 'cross-site', origin: 'http://shop.example:8080' },
    { origin: 'http://evil.example' }, { origin: 'http://shop.example' }, { origin: 'http://shop.example:80801' }, { origin: 'http://sub.shop.example:8080' },
    { origin: 'null' }, { origin: '' }, { origin: 'shop.example:8080' }
  ]) {
    for (const method of CHANGING) t.equal(await status(method, headers), 403, `${method} ${JSON.stringify(headers)}`)
    for (const method of SAFE) t.equal(await status(method, headers), 200, `${method} ${JSON.stringify(headers)}`)
  }
})
