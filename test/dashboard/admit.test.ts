import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance, type InjectOptions } from 'fastify'
import t, { type Test } from 'tap'
import dashboard, { type DashboardOptions } from '../../src/larder/dashboard.ts'
import larder from '../../src/larder/index.ts'

function createApp (t: Test, options: DashboardOptions, trustProxy = false): FastifyInstance {
  const app = Fastify({ trustProxy })
  t.teardown(() => app.close())
  app.register(larder)
  app.register(dashboard, { prefix: '/cache', ...options })
  return app
}

const READS = ['/cache', '/cache/explain?key=a', '/cache/assets/plot.js']

/** Requests everything that can be read, and returns the status, which must be the same. */
async function read (t: Test, app: FastifyInstance, options: InjectOptions = {}): Promise<number> {
  const statuses = new Set<number>()
  for (const url of READS) statuses.add((await app.inject({ url, ...options })).statusCode)
  t.equal(statuses.size, 1)
  return [...statuses][0]!
}

t.test('without a token, only direct requests over loopback to a name of loopback are admitted', async (t) => {
  for (const trustProxy of [false, true]) {
    const app = createApp(t, {}, trustProxy)
    for (const [remoteAddress, host] of [
      ['127.0.0.1', 'localhost'], ['127.0.0.1', 'localhost:3000'], ['127.9.9.9', '127.0.0.1:80'], ['::1', '[::1]:3000'],
      ['::ffff:127.0.0.1', '127.0.0.1']
    ] as const) t.equal(await read(t, app, { remoteAddress, headers: { host } }), 200, `${remoteAddress} ${host}`)

    for (const [remoteAddress, headers] of [
      ['192.0.2.1', { host: 'localhost' }],
      ['::ffff:192.0.2.1', { host: 'localhost' }],
      ['2001:db8::1', { host: 'localhost' }],
      ['127.0.0.1', { host: 'rebound.example' }],
      ['127.0.0.1', { host: '127.0.0.1.example' }],
      ...[
        'forwarded', 'via', 'x-forwarded-for', 'x-forwarded-port', 'x-forwarded-server', 'x-real-ip', 'x-client-ip',
        'x-original-host', 'cf-connecting-ip', 'true-client-ip'
      ].map((name) => ['127.0.0.1', { host: 'localhost', [name]: '127.0.0.1' }] as const),
      ['192.0.2.1', { host: 'localhost', 'x-forwarded-for': '127.0.0.1' }]
    ] as const) {
      t.equal(await read(t, app, { remoteAddress, headers }), 401, `${remoteAddress} ${JSON.stringify(headers)}`)
    }
  }
})

t.test('without a token, requests in HTTP/1.0 are rejected, since nginx passes on those of others so', async (t) => {
  const app = createApp(t, {})
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  for (const [version, status] of [['1.0', 401], ['1.1', 200]] as const) {
    const socket = connect(port, '127.0.0.1')
    socket.end(`GET /cache HTTP/${version}\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`)
    t.match(await text(socket), new RegExp(`^HTTP/1.1 ${status} `))
  }
})

t.test('without a token, requests over a Unix socket are rejected, since a proxy may send them', async (t) => {
  const app = createApp(t, {})
  const folder = mkdtempSync(join(tmpdir(), 'larder-')) // a path of a socket must be short
  t.teardown(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 'socket')
  await app.listen({ path: socketPath })
  const [response] = await once(get({ socketPath, path: '/cache', headers: { host: 'localhost' } }), 'response')
  t.equal(response.statusCode, 401)
  response.resume()
})

t.test('without a token nothing can be purged', async (t) => {
  for (const openTo of ['loopback', 'everyone'] as const) {
    const app = createApp(t, { openTo })
    t.equal((await app.inject({ method: 'POST', url: '/cache/purge', payload: { all: true } })).statusCode, 404)
  }
})

t.test('with a token, every client needs it, also on loopback', async (t) => {
  const app = createApp(t, { token: 'sesame' })
  t.equal(await read(t, app), 401)
  t.equal(await read(t, app, { headers: { authorization: 'Bearer wrong' } }), 401)
  t.equal(await read(t, app, { headers: { authorization: 'Bearer sesame' } }), 200)
})

t.test('openTo admits everyone, loopback or nobody without the token; a purge always needs it', async (t) => {
  const remote = { remoteAddress: '192.0.2.1' }
  const purge = { method: 'POST', url: '/cache/purge', payload: { all: true } } as const
  for (const [openTo, local, distant] of [
    ['everyone', 200, 200], ['loopback', 200, 401], ['nobody', 401, 401]
  ] as const) {
    const app = createApp(t, { openTo, token: 'sesame' })
    t.equal(await read(t, app), local)
    t.equal(await read(t, app, remote), distant)
    t.equal((await app.inject(purge)).statusCode, 401)
    t.equal((await app.inject({ ...purge, headers: { authorization: 'Bearer sesame' } })).statusCode, 200)
  }
  t.equal(await read(t, createApp(t, { openTo: 'nobody' })), 401)
})

t.test('requests that another site made a browser send are rejected, except links to the page', async (t) => {
  const app = createApp(t, { token: 'sesame' })
  const authorization = `Basic ${Buffer.from('me:sesame').toString('base64')}`
  const forged: Array<Record<string, string>> = [
    { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { origin: 'https://evil.example' },
    { origin: 'null' }, { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
  ]
  for (const headers of forged) {
    const purge = await app.inject({
      method: 'POST', url: '/cache/purge', payload: { all: true }, headers: { authorization, ...headers }
    })
    t.match(purge.json(), { statusCode: 403, code: 'FST_ERR_LARDER_CROSS_SITE' })
    const isLink = 'sec-fetch-mode' in headers
    t.equal(await read(t, app, { headers: { authorization, ...headers } }), isLink ? 200 : 403)
  }
  for (const headers of [
    {}, { 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin: 'http://localhost', host: 'localhost' }
  ]) t.equal(await read(t, app, { headers: { authorization, ...headers } }), 200)
})

t.test('a purge takes JSON only, which no form of another site can send', async (t) => {
  const app = createApp(t, { token: 'sesame' })
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a']) {
    const headers = { authorization: 'Bearer sesame', 'content-type': type }
    const { statusCode } = await app.inject({ method: 'POST', url: '/cache/purge', payload: '{"all":true}', headers })
    t.equal(statusCode, 415, type)
  }
  const headers = { authorization: 'Bearer sesame' }
  const payload = { tag: 'x'.repeat(17_000) }
  t.equal((await app.inject({ method: 'POST', url: '/cache/purge', payload, headers })).statusCode, 413)
})

t.test('a token in the URL is refused, and is neither sent back nor logged by the dashboard', async (t) => {
  const lines: string[] = []
  const app = Fastify({ logger: { stream: { write: (line) => { lines.push(line) } } }, disableRequestLogging: true })
  t.teardown(() => app.close())
  app.register(larder)
  app.register(dashboard, { prefix: '/cache', token: 'sesame' })
  const refused = await app.inject('/cache?token=sesame')
  t.equal(refused.statusCode, 401)
  const authorization = 'Bearer sesame'
  const unknown = await app.inject({ url: '/cache/explain?token=sesame', headers: { authorization } })
  t.equal(unknown.statusCode, 400)
  t.equal((await app.inject({ url: '/cache', headers: { authorization: 'Bearer wrong-sesame' } })).statusCode, 401)
  for (const text of [refused.body, unknown.body, ...lines]) t.notMatch(text, 'sesame')
})

t.test('a browser is redirected into the folder of the dashboard before it logs in', async (t) => {
  const app = createApp(t, { token: 'sesame' })
  const open = async (url: string, headers: Record<string, string> = {}) => {
    const response = await app.inject({ url, headers: { 'upgrade-insecure-requests': '1', ...headers } })
    const { location, 'www-authenticate': challenge = 'none' } = response.headers
    return `${response.statusCode} ${location ?? challenge.slice(0, 5)}`
  }
  t.equal(await open('/cache'), '302 ./cache/')
  t.equal(await open('/cache?url=/menu?a=1'), '302 ./cache/?url=/menu?a=1')
  // The browser sends the token of a login here to no other addresses than those that begin with /cache/.
  for (const url of ['/cache/', '/cache/?url=/menu', '/cache/explain?key=a', '/cache/assets/plot.js']) {
    t.equal(await open(url), '401 Basic', url)
  }
  t.equal(await open('/cache', { 'upgrade-insecure-requests': '0' }), '401 Basic', 'no browser')
  t.equal(await open('/cache', { 'upgrade-insecure-requests': '0', 'sec-fetch-mode': 'navigate' }), '302 ./cache/')
  t.equal(await open('/cache', { authorization: 'Bearer wrong' }), '401 Basic')
  t.equal(await open('/cache', { authorization: 'Bearer sesame' }), '200 none')
  t.equal(await open('/cache', { 'sec-fetch-site': 'cross-site' }), '403 none')
})

t.test('a browser is not redirected if no token opens the dashboard', async (t) => {
  const app = createApp(t, { openTo: 'nobody' })
  t.equal((await app.inject({ url: '/cache', headers: { 'upgrade-insecure-requests': '1' } })).statusCode, 401)
})
