import { EventEmitter } from 'node:events'
import { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import type { CachePageOptions } from '../../../src/page-cache/index.ts'
import { ask, type Handler, site } from './page-site.ts'

type Raw = FastifyRequest['raw'] & { line?: string }

/** Replaces the prototypes of a request and its response, as @fastify/express does. */
function likeExpress (middleware: (raw: Raw) => void) {
  const [ofRequests, ofResponses] = [IncomingMessage, ServerResponse].map(({ prototype }) =>
    Object.create(Object.create(prototype) as object) as object)
  return (app: FastifyInstance) => app.addHook('onRequest', async ({ raw }, reply) => {
    Object.setPrototypeOf(raw, ofRequests!)
    Object.setPrototypeOf(reply.raw, ofResponses!)
    middleware(raw)
  })
}

/** Serves /page to two clients, after a request that gets the new prototypes first. */
async function serve (
  t: Parameters<typeof site>[0], middleware: (raw: Raw) => void, handler?: Handler,
  place: 'before' | 'after' = 'before', options: CachePageOptions = {}
) {
  const { app } = await site(t, { ttl: 300, ...options }, handler, { [place]: likeExpress(middleware) })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const send = async (tenant: string) => {
    const response = await fetch(`${address}/page`, { headers: { 'x-tenant': tenant } })
    return { code: response.status, body: await response.text(), status: response.headers.get('cache-status')! }
  }
  const first = await send('first')
  return { first, ann: await send('ann'), bob: await send('bob') }
}

const readHeader = (raw: Raw) => { raw.line = String(raw.headers['x-tenant']) }
const readConnection = (raw: Raw) => { raw.line = `${raw.socket.remoteAddress} HTTP/${raw.httpVersion}` }
const show: Handler = ({ raw }) => String((raw as Raw).line)

t.test('requests whose prototype is replaced reach their handlers, and their reads are tracked', async (t) => {
  for (const place of ['before', 'after'] as const) {
    const { first, ann, bob } = await serve(t, readHeader, show, place)
    // What was read before the new prototype was known cannot be told.
    t.match(first, { code: 200, body: 'first', status: /detail=tracked-late/ }, place)
    t.match(ann, { code: 200, body: 'ann', status: /; stored/ }, place)
    t.match(bob, { code: 200, body: 'bob', status: /vary-miss; stored/ }, place)
    const shared = await serve(t, () => {}, undefined, place)
    t.match([shared.ann, shared.bob], [{ body: 'call 2', status: /; stored/ }, { body: 'call 2', status: /; hit/ }])
  }
})

t.test('reads of the connection of a request whose prototype is replaced are tracked', async (t) => {
  for (const place of ['before', 'after'] as const) {
    for (const ignoreAddress of [false, true]) {
      const all = await serve(t, readConnection, show, place, { ignoreAddress })
      t.match(all.first, { body: '127.0.0.1 HTTP/1.1', status: /detail=(?:connection-read|tracked-late)/ }, place)
      for (const each of [all.ann, all.bob]) {
        t.match(each, { body: '127.0.0.1 HTTP/1.1', status: /detail=connection-read$/ }, place)
      }
    }
    const late = await serve(t, () => {}, (_request, { raw }) => String(raw.socket?.remoteAddress), place)
    t.match([late.ann, late.bob], [{ status: /detail=connection-read$/ }, { status: /detail=connection-read$/ }])
  }
})

t.test('an injected request whose prototype is replaced is not stored, or its reads are tracked', async (t) => {
  const ofOthers = { headers: { value: { host: 'a', 'x-tenant': 'ann' } }, socket: { value: new EventEmitter() } }
  const prototypes = [
    Object.create(IncomingMessage.prototype), Object.create(EventEmitter.prototype, ofOthers)
  ] as object[]
  for (const [i, prototype] of prototypes.entries()) {
    const { app } = await site(t, 300, ({ headers }) => String(headers['x-tenant']), {
      before: (app) => app.addHook('onRequest', async ({ raw }) => { Object.setPrototypeOf(raw, prototype) })
    })
    t.match(await ask(app, { 'x-tenant': 'ann' }), { status: /detail=tracked-late/ })
    t.match(await ask(app, { 'x-tenant': 'ann' }), { status: i === 0 ? /; stored/ : /detail=tracked-late/ })
  }
})
