import Fastify from 'fastify'
import t from 'tap'
import { isLoopback, requireAdmin } from '../../src/hooks/require-admin.ts'
import errors from '../../src/plugins/errors.ts'
import views from '../../src/plugins/views.ts'

const TOKEN = 's3cret:ключ'
const bearer = (token: string) => `Bearer ${token}`
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** Requests a protected page of a service that listens on this host. */
async function request (options: { host: string, token: string | undefined }, authorization?: string) {
  const app = Fastify()
  await app.register(views)
  await app.register(errors)
  app.get('/cache', { onRequest: requireAdmin(options) }, async () => 'inside')
  const headers = { accept: 'text/html', ...authorization !== undefined && { authorization } }
  const response = await app.inject({ url: '/cache', headers })
  await app.close()
  return response
}

t.test('a service on loopback admits every client', async (t) => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) {
    t.equal(isLoopback(host), true, host)
    for (const token of [undefined, TOKEN]) {
      t.equal((await request({ host, token })).body, 'inside')
      t.equal((await request({ host, token }, bearer('wrong'))).body, 'inside')
    }
  }
})

t.test('a service beyond loopback admits clients with the token', async (t) => {
  const authorizations = [
    bearer(TOKEN), `bearer ${TOKEN}`, basic('', TOKEN), basic('anybody', TOKEN), `BASIC${basic('a', TOKEN).slice(5)}`
  ]
  for (const host of [
    '0.0.0.0', '::', '192.168.1.2', 'larder.example.org', '127.example.org', 'localhost.example.org'
  ]) {
    t.equal(isLoopback(host), false, host)
    for (const authorization of authorizations) {
      const response = await request({ host, token: TOKEN }, authorization)
      t.equal(response.statusCode, 200, `${host} ${authorization}`)
      t.equal(response.body, 'inside')
    }
  }
})

t.test('a service beyond loopback rejects a wrong or missing token with 401', async (t) => {
  const wrong = [
    undefined, '', 'Bearer', 'Bearer ', bearer('wrong'), bearer(`${TOKEN}x`), bearer(TOKEN.slice(0, -1)),
    TOKEN, `Token ${TOKEN}`,
    'Basic', 'Basic !', basic(TOKEN, ''), basic(TOKEN, 'wrong'), basic('', `${TOKEN} `),
    bearer(basic('', TOKEN).slice(6))
  ]
  for (const authorization of wrong) {
    const response = await request({ host: '0.0.0.0', token: TOKEN }, authorization)
    t.equal(response.statusCode, 401, String(authorization))
    t.equal(response.headers['www-authenticate'], 'Basic realm="Larder"')
    t.match(response.body, 'This request requires the ADMIN_TOKEN of the service.')
    t.notMatch(response.body, /inside|s3cret/)
  }
})

t.test('a service beyond loopback without a token rejects every client', async (t) => {
  for (const authorization of [
    undefined, 'Bearer', bearer(''), bearer('undefined'), basic('', ''), basic('admin', 'admin')
  ]) {
    const { statusCode } = await request({ host: '0.0.0.0', token: undefined }, authorization)
    t.equal(statusCode, 401, String(authorization))
  }
})
