import Fastify from 'fastify'
import t from 'tap'
import { isLoopback, requireAdmin } from '../../src/hooks/require-admin.ts'
import errors from '../../src/plugins/errors.ts'
import views from '../../src/plugins/views.ts'

const TOKEN = 's3cret:ключ'
const bearer = (token: string) => `Bearer ${token}`
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** Asks for a guarded page of a service that listens there. */
async function ask (options: { host: string, token: string | undefined }, authorization?: string) {
  const app = Fastify()
  await app.register(views)
  await app.register(errors)
  app.get('/cache', { onRequest: requireAdmin(options) }, async () => 'inside')
  const response = await app.inject({ url: '/cache', headers: { accept: 'text/html', ...authorization !== undefined && { authorization } } })
  await app.close()
  return response
}

t.test('on loopback everyone may', async (t) => {
  for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) {
    t.equal(isLoopback(host), true, host)
    for (const token of [undefined, TOKEN]) {
      t.equal((await ask({ host, token })).body, 'inside')
      t.equal((await ask({ host, token }, bearer('wrong'))).body, 'inside')
    }
  }
})

t.test('beyond it, who has the token may', async (t) => {
  for (const host of ['0.0.0.0', '::', '192.168.1.2', 'larder.example.org', '127.example.org', 'localhost.example.org']) {
    t.equal(isLoopback(host), false, host)
    for (const authorization of [bearer(TOKEN), `bearer ${TOKEN}`, basic('', TOKEN), basic('anybody', TOKEN), basic('a', TOKEN).replace('Basic', 'BASIC')]) {
      const response = await ask({ host, token: TOKEN }, authorization)
      t.equal(response.statusCode, 200, `${host} ${authorization}`)
      t.equal(response.body, 'inside')
    }
  }
})

t.test('and nobody else', async (t) => {
  const wrong = [
    undefined, '', 'Bearer', 'Bearer ', bearer('wrong'), bearer(`${TOKEN}x`), bearer(TOKEN.slice(0, -1)), TOKEN, `Token ${TOKEN}`,
    'Basic', 'Basic !', basic(TOKEN, ''), basic(TOKEN, 'wrong'), basic('', `${TOKEN} `), bearer(basic('', TOKEN).slice(6))
  ]
  for (const authorization of wrong) {
    const response = await ask({ host: '0.0.0.0', token: TOKEN }, authorization)
    t.equal(response.statusCode, 401, String(authorization))
    t.equal(response.headers['www-authenticate'], 'Basic realm="Larder"')
    t.match(response.body, 'This request requires the ADMIN_TOKEN of the service.')
    t.notMatch(response.body, /inside|s3cret/)
  }
})

t.test('without a token nobody may', async (t) => {
  for (const authorization of [undefined, 'Bearer', bearer(''), bearer('undefined'), basic('', ''), basic('admin', 'admin')]) {
    t.equal((await ask({ host: '0.0.0.0', token: undefined }, authorization)).statusCode, 401, String(authorization))
  }
})
