import Fastify from 'fastify'
import t from 'tap'
import { createTestApp, type Handler } from '../../support/create-test-app.ts'

t.test('reading Host or the scheme adds no Vary, because both are in the key', async (t) => {
  for (const trustProxy of [false, true]) {
    const { get, calls } = await createTestApp(
      t, 300, ({ host, hostname, protocol, port }) => `${protocol} ${host} ${hostname} ${port}`,
      { app: Fastify({ trustProxy }) }
    )
    const first = await get({ host: 'shop.example:8080' })
    t.equal(first.body, 'http shop.example:8080 shop.example 8080')
    t.notOk('vary' in first.headers)
    t.match(await get({ host: 'shop.example:8080' }), { body: first.body, status: /^hit/ })
    t.match(await get({ host: 'other.example' }), {
      body: 'http other.example other.example null', status: /uri-miss/
    })
    t.equal(calls(), 2)
  }
})

t.test('forged X-Forwarded headers neither get nor create a response of other clients', async (t) => {
  const forged = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.6' }
  const show: Handler = ({ host, protocol, headers }) =>
    `${protocol}://${host} ${headers['x-forwarded-host']} ${headers['x-forwarded-proto']}`
  for (const trustProxy of [false, '10.0.0.1'] as const) {
    for (const headers of [forged, { ...forged, 'x-forwarded-host': 'evil.example, shop.example' }]) {
      const { get } = await createTestApp(t, 300, show, { app: Fastify({ trustProxy }) })
      const host = 'shop.example'
      t.match((await get({ host, ...headers })).body, `http://shop.example ${headers['x-forwarded-host']} https`)
      t.equal((await get({ host })).body, 'http://shop.example undefined undefined')
      t.equal((await get({ host })).body, 'http://shop.example undefined undefined')
      t.match((await get({ host, ...headers })).body, 'http://shop.example')
    }
  }
  // A handler that shows what it was forwarded for, without saying so, behind a proxy that is trusted and appends.
  const { get } = await createTestApp(t, 300, show, { app: Fastify({ trustProxy: true }) })
  const appended = {
    host: 'inner', 'x-forwarded-host': 'evil.example, shop.example', 'x-forwarded-proto': 'javascript, https'
  }
  t.equal((await get(appended)).body, 'https://shop.example evil.example, shop.example javascript, https')
  const plain = { host: 'inner', 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'https' }
  t.equal((await get(plain)).body, 'https://shop.example shop.example https')
  t.match(await get(plain), { body: 'https://shop.example shop.example https', status: /^hit/ })
  t.match(await get({ ...plain, 'x-forwarded-host': 'evil.example' }), {
    body: 'https://evil.example evil.example https', status: /uri-miss/
  })
})

t.test('a trusted proxy decides host and scheme', async (t) => {
  const { get, calls } = await createTestApp(
    t, 300,
    ({ host, protocol, ip }, reply) => reply.header('cache-control', 'max-age=300').send(
      `${protocol}://${host} for ${ip}`
    ),
    { app: Fastify({ trustProxy: '127.0.0.1' }) }
  )
  const from = (ip: string) => ({
    host: 'inner', 'x-forwarded-host': 'shop.example', 'x-forwarded-proto': 'https', 'x-forwarded-for': ip
  })
  t.match(await get(from('203.0.113.1')), {
    body: 'https://shop.example for 203.0.113.1', headers: { vary: 'x-forwarded-for' }
  })
  t.equal((await get(from('203.0.113.2'))).body, 'https://shop.example for 203.0.113.2')
  t.match(await get(from('203.0.113.1')), { body: 'https://shop.example for 203.0.113.1', status: /^hit/ })
  t.equal(calls(), 2)
})
