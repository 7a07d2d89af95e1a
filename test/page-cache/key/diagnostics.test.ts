import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as sendRequest } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { CachePageOptions } from '../../../src/page-cache/index.ts'
import { type Handler, site } from './page-site.ts'

type Raw = IncomingMessage & { seen?: unknown }
type Message = { request: Raw, socket: Socket }

const CHANNELS = ['http.server.request.start', 'http.server.response.created']
const show: Handler = ({ raw }) => `for ${String((raw as Raw).seen)}`

/** Subscribes to a channel, before or after the page cache is registered, and returns a function to request /page. */
async function serve (
  t: Test, name: string, read: (message: Message) => unknown, place: 'before' | 'after',
  { options = {}, handler = show, app = Fastify() }:
  { options?: CachePageOptions, handler?: Handler, app?: FastifyInstance } = {}
) {
  const note = (message: unknown) => { (message as Message).request.seen = read(message as Message) }
  await site(t, { ttl: 300, ...options }, handler, { app, [place]: () => { subscribe(name, note) } })
  t.teardown(() => unsubscribe(name, note))
  await app.listen({ host: '0.0.0.0', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return async (tenant: string, localAddress = '127.0.0.1') => {
    const headers = { 'x-tenant': tenant }
    const request = sendRequest({ host: '127.0.0.1', port, path: '/page', agent: false, localAddress, headers }).end()
    const [response] = await once(request, 'response') as [IncomingMessage]
    return { body: await text(response), vary: response.headers.vary, status: String(response.headers['cache-status']) }
  }
}

t.test('headers that a subscriber of a diagnostics channel reads count', async (t) => {
  for (const name of CHANNELS) {
    for (const place of ['before', 'after'] as const) {
      await t.test(`${name}, ${place}`, async (t) => {
        const ask = await serve(t, name, ({ request }) => request.headers['x-tenant'], place)
        for (const tenant of ['ann', 'bob']) t.match(await ask(tenant), { body: `for ${tenant}`, vary: 'x-tenant' })
        t.match(await ask('ann'), { body: 'for ann', status: /; hit/ })
      })
    }
  }
})

t.test('the connection that a subscriber of a diagnostics channel reads counts', async (t) => {
  const ways: Record<string, (message: Message) => unknown> = {
    request: ({ request }) => request.socket.remoteAddress,
    message: ({ request, socket = request.socket }) => socket.remoteAddress
  }
  for (const name of CHANNELS) {
    for (const [way, read] of Object.entries(ways)) {
      await t.test(`${name}, ${way}`, async (t) => {
        const ask = await serve(t, name, read, 'before')
        for (const address of ['127.0.0.1', '127.0.0.2']) {
          t.match(await ask('ann', address), {
            body: `for ${address}`, status: 'larder; fwd=uri-miss; detail=connection-read:ignoreAddress'
          })
        }
        const options = { ignoreAddress: true }
        const ignoring = await serve(t, name, read, 'before', { options, handler: () => 'page' })
        await ignoring('ann')
        t.match(await ignoring('ann', '127.0.0.2'), { status: /; hit/ })
      })
    }
  }
})

t.test('a subscriber that reads nothing, and what Node reads afterwards, do not count', async (t) => {
  for (const name of CHANNELS) {
    const ask = await serve(t, name, () => undefined, 'before')
    t.match(await ask('ann'), { vary: undefined, status: /; stored/ })
    t.match(await ask('bob'), { vary: undefined, status: /; hit/ })
  }
})

t.test('subscribers get the requests of other servers', async (t) => {
  const ask = await serve(t, CHANNELS[0]!, ({ request }) => request.headers['x-tenant'], 'before')
  await ask('ann')
  const server = createServer((request: Raw, response) => { response.end(String(request.seen)) })
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}`, { headers: { 'x-tenant': 'bob', connection: 'close' } })
  t.equal(await response.text(), 'bob')
})
