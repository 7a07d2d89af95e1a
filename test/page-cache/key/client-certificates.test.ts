import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:http2'
import { request as sendRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { readCertificate } from '../../support/certificates.ts'
import type { TestAppOptions } from '../../support/create-test-app.ts'
import { type Handler, site } from './page-site.ts'

type Raw = FastifyRequest['raw'] & { client: unknown, name?: string }

const [ca, server, ann, bob] = await Promise.all((['ca', 'localhost', 'ann', 'bob'] as const).map(readCertificate))
const CLIENTS = { ann: ann!, bob: bob! }
const HTTPS = { ca, cert: server!, key: server!, requestCert: true }

const readName = (socket: unknown) => String((socket as TLSSocket).getPeerCertificate().subject?.CN)
const show: Handler = ({ raw }) => `for ${(raw as Raw).name}`

/** Serves /page over TLS, and returns a function that requests it as one of the clients. */
async function serve (
  t: Test, handler: Handler, setting: Omit<TestAppOptions, 'app'> = {}, options: object = {}, ttl: object = {}
) {
  const app = Fastify({ https: HTTPS, ...options }) as unknown as FastifyInstance
  await site(t, { ttl: 300, ...ttl }, handler, { ...setting, app })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return async (client: keyof typeof CLIENTS) => {
    const [cert, key] = [CLIENTS[client], CLIENTS[client]]
    const request = sendRequest({ host: '127.0.0.1', port, path: '/page', ca, cert, key, agent: false }).end()
    const [response] = await once(request, 'response') as [IncomingMessage]
    return { body: await text(response), status: String(response.headers['cache-status']) }
  }
}

const READS: Record<string, (request: FastifyRequest, reply: FastifyReply) => string> = {
  'request.socket': ({ socket }) => readName(socket),
  'request.raw.socket': ({ raw }) => readName(raw.socket),
  'request.raw.client': ({ raw }) => readName((raw as Raw).client),
  'reply.raw.socket': (_request, { raw }) => readName(raw.socket)
}

t.test('a page for the certificate of a client reaches no other client', async (t) => {
  for (const [way, read] of Object.entries(READS)) {
    const hook = (app: FastifyInstance) => app.addHook('onRequest', async (request, reply) => {
      Object.assign(request.raw, { name: read(request, reply) })
    })
    const pages: Array<[handler: Handler, setting: Omit<TestAppOptions, 'app'>]> = [
      [(request, reply) => `for ${read(request, reply)}`, {}], [show, { before: hook }], [show, { after: hook }]
    ]
    for (const [handler, setting] of pages) {
      const ask = await serve(t, handler, setting)
      for (const client of ['ann', 'bob', 'ann'] as const) {
        t.match(await ask(client), { body: `for ${client}`, status: /detail=connection-read$/ }, way)
      }
    }
  }
})

t.test('nor does a page for a certificate that was read before the hooks', async (t) => {
  const note = (raw: unknown) => { (raw as Raw).name = readName((raw as Raw).socket) }
  const pages: Array<[setting: Omit<TestAppOptions, 'app'>, options?: object]> = [
    [{ before: (app) => app.server.prependListener('request', note) }],
    [{}, { rewriteUrl (raw: Raw) { note(raw); return raw.url } }],
    [{}, { genReqId (raw: Raw) { note(raw); return 'id' } }]
  ]
  for (const [setting, options] of pages) {
    const ask = await serve(t, show, setting, options)
    for (const client of ['ann', 'bob', 'ann'] as const) {
      t.match(await ask(client), { body: `for ${client}`, status: /detail=connection-read:ignoreAddress$/ })
    }
  }
})

t.test('ignoreAddress does not cover a certificate that a hook or the handler reads', async (t) => {
  const ask = await serve(t, ({ socket }) => `for ${readName(socket)}`, {}, {}, { ignoreAddress: true })
  for (const client of ['ann', 'bob'] as const) t.match(await ask(client), { body: `for ${client}` })
})

t.test('a page that reads no certificate is shared by all clients', async (t) => {
  const ask = await serve(t, (_request, _reply, call) => `call ${call}`)
  t.match(await ask('ann'), { body: 'call 1', status: /; stored/ })
  t.match(await ask('bob'), { body: 'call 1', status: /; hit/ })
})

t.test('over HTTP/2 the certificate belongs to the connection too', async (t) => {
  const app = Fastify({ http2: true, https: HTTPS } as object) as unknown as FastifyInstance
  await site(t, 300, ({ raw }) => `for ${readName((raw as Raw).socket)}`, { app })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const client of ['ann', 'bob'] as const) {
    const session = connect(address, { ca, cert: CLIENTS[client], key: CLIENTS[client] })
    const stream = session.request({ ':path': '/page' })
    const [fields] = await once(stream, 'response')
    t.equal(await text(stream), `for ${client}`)
    t.equal(fields['cache-status'], 'larder; fwd=uri-miss; detail=connection-read')
    session.destroy()
  }
})
