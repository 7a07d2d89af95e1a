import { EventEmitter, once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { setImmediate as turn } from 'node:timers/promises'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import compress from '@fastify/compress'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { Response as UndiciResponse } from 'undici'
import type { CachePageOptions } from '../../../src/page-cache/index.ts'
import { until } from '../../support/until.ts'
import { ask, type Handler, type Setting, site } from '../site.ts'
import { pageStores } from '../stores.ts'

const stores = await pageStores(t)
const onMemory = (t: Test, cachePage: CachePageOptions | number, handler?: Handler, setting?: Setting) =>
  site(t, stores.memory!, cachePage, handler, setting)

/** A stream as libraries made them before there were classes for them. */
function oldStream (chunks: string[]): unknown {
  const stream = Object.assign(new EventEmitter(), { pipe () {}, pause () {}, resume () {} })
  setImmediate(() => {
    for (const chunk of chunks) stream.emit('data', Buffer.from(chunk))
    stream.emit('end')
  })
  return stream
}

const webStream = (chunks: string[]) => new ReadableStream({
  start (controller) {
    for (const chunk of chunks) controller.enqueue(Buffer.from(chunk))
    controller.close()
  }
})

/** Bodies that come in pieces. */
const BODIES: Record<string, (chunks: string[]) => unknown> = {
  'a stream of bytes': (chunks) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)), { objectMode: false }),
  'a stream of objects that are texts': (chunks) => Readable.from(chunks),
  'a stream of objects that are bytes': (chunks) =>
    Readable.from(chunks.map((chunk) => new TextEncoder().encode(chunk))),
  'a web stream': webStream,
  'a response': (chunks) => new Response(webStream(chunks), { headers: { 'content-type': 'text/x-test' } }),
  'a response of undici': (chunks) => new UndiciResponse(webStream(chunks), {
    headers: { 'content-type': 'text/x-test' }
  }),
  'an old stream': oldStream,
  'an old stream that is wrapped': (chunks) => new Readable().wrap(oldStream(chunks) as NodeJS.ReadableStream)
}

/** That of requests which do not come over a socket. */
const HOST = { host: 'localhost:80' }

/** Asks over a real socket. */
async function open (app: FastifyInstance, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const address = app.listeningOrigin
  const asked = httpRequest(`${address}/page`, { headers: { ...HOST, ...headers }, agent: false }).end()
  const [answer] = await once(asked, 'response') as [IncomingMessage]
  answer.on('error', () => {})
  return answer
}

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    for (const [kind, make] of Object.entries(BODIES)) {
      t.test(`${kind} is passed on, and stored once it is complete`, async (t) => {
        const { app, calls, listener } = await site(t, makeStore, 300, (_request, reply, call) =>
          reply.type('text/x-test').send(make(['one ', 'two ', `${call}`])))
        await app.listen({ host: '127.0.0.1', port: 0 })
        const first = await open(app)
        t.match(first.headers, {
          'cache-status': 'larder; fwd=uri-miss; ttl=300; detail=streamed',
          'transfer-encoding': 'chunked',
          'cache-control': 'max-age=300',
          'content-type': /^text\/x-test/
        })
        t.equal(await text(first), 'one two 1')
        await listener.heard('set')
        const second = await open(app)
        t.match(second.headers, {
          'cache-status': 'larder; hit; ttl=300', 'content-length': '9', etag: /^"/, 'content-type': /^text\/x-test/
        })
        t.equal(await text(second), 'one two 1')
        t.equal(calls(), 1)
      })
    }

    t.test('waiting requests get a streamed response, even if the first client is slow', async (t) => {
      const source = new PassThrough()
      const { app, calls, listener } = await site(t, makeStore, 300, () => source)
      await app.listen({ host: '127.0.0.1', port: 0 })
      const size = 900_000
      const slow = httpRequest(`${app.listeningOrigin}/page`, { headers: HOST, agent: false }).end()
      await until('it runs', () => calls() === 1)
      const waiting = Array.from({ length: 5 }, () => ask(app))
      await listener.heard('miss', 6)
      source.end(Buffer.alloc(size, 'x'))
      const [answer] = await once(slow, 'response') as [IncomingMessage]
      answer.pause()
      for (const { body, status } of await Promise.all(waiting)) {
        t.equal(body.length, size)
        t.equal(status, 'larder; fwd=uri-miss; collapsed; ttl=300')
      }
      t.equal((await buffer(answer)).length, size)
      t.equal(calls(), 1)
    })

    t.test('a stream larger than maxBytes is passed on whole, and not stored', async (t) => {
      const { app, calls, listener } = await site(t, makeStore, {
        ttl: 300, maxBytes: 1000
      }, () => Readable.from(['x'.repeat(600), 'y'.repeat(600), 'z']))
      const all = [ask(app), ask(app)]
      for (const { body } of await Promise.all(all)) t.equal(body, 'x'.repeat(600) + 'y'.repeat(600) + 'z')
      await listener.heard('load')
      t.match(await ask(app), { body: /^x+y+z$/, status: /fwd=uri-miss; ttl=300; detail=streamed/ })
      t.equal(calls(), 3)
    })

    t.test('a stream that ends too early is not stored, and waiting requests go on at once', async (t) => {
      for (const [early, length] of [['error', undefined], ['destroy', undefined], ['end', 100], ['end', 3]] as const) {
        const sources: PassThrough[] = []
        const { app, calls, listener, kept } = await site(t, makeStore, 300, (_request, reply, call) => {
          if (call > 1) return `call ${call}`
          if (length !== undefined) reply.header('content-length', length)
          sources.push(new PassThrough())
          return reply.send(sources[0])
        })
        await app.listen({ host: '127.0.0.1', port: 0 })
        const asked = httpRequest(`${app.listeningOrigin}/page`, { headers: HOST, agent: false }).end()
        asked.on('error', () => {})
        await until('it runs', () => calls() === 1)
        sources[0]!.write('some')
        const [answer] = await once(asked, 'response') as [IncomingMessage]
        answer.on('error', () => {}).resume()
        const waiting = ask(app)
        await listener.heard('miss', 2)
        await new Promise(setImmediate) // it has joined the load
        if (early === 'error') sources[0]!.destroy(new Error('broken'))
        else if (early === 'destroy') sources[0]!.destroy()
        else sources[0]!.end(' more')
        const { body, status } = await waiting
        t.equal(body, 'call 2', `${early} ${length}`)
        // The connection that gets too many bytes may be closed before the other request has looked.
        const mayLead = length === 3 && status !== 'larder; fwd=uri-miss; detail=collapse-refused'
        t.equal(status, `larder; fwd=uri-miss; ${mayLead ? 'stored; ttl=300' : 'detail=collapse-refused'}`)
        if (!mayLead) t.strictSame(kept(), [])
        asked.destroy()
      }
    })

    t.test('a client that disconnects during a stream ends it, and blocks no other request', async (t) => {
      const source = new PassThrough()
      const { app, calls, listener, kept } = await site(t, makeStore, 300, (_request, _reply, call) =>
        call === 1 ? source : `call ${call}`)
      await app.listen({ host: '127.0.0.1', port: 0 })
      source.write('some')
      const leaving = await open(app)
      const waiting = ask(app)
      await listener.heard('miss', 2)
      leaving.destroy()
      t.equal((await waiting).body, 'call 2')
      t.ok(source.destroyed)
      t.strictSame(kept(), [])
      t.match(await ask(app), { body: `call ${calls()}` })
    })

    t.test('a client that disconnects before the reply does not make waiting requests run the handler', async (t) => {
      const gate = Promise.withResolvers<void>()
      let left = false
      const { app, calls, listener } = await site(t, makeStore, 300, async (request, _reply, call) => {
        request.raw.once('close', () => { left = true })
        await gate.promise
        return `call ${call}`
      })
      await app.listen({ host: '127.0.0.1', port: 0 })
      const leaving = httpRequest(`${app.listeningOrigin}/page`, { headers: HOST, agent: false }).end()
      leaving.on('error', () => {})
      await until('it runs', () => calls() === 1)
      const waiting = [ask(app), ask(app), ask(app)]
      await listener.heard('miss', 4)
      leaving.destroy()
      await until('it has left', () => left)
      await turn()
      gate.resolve()
      for (const { body } of await Promise.all(waiting)) t.equal(body, 'call 1')
      t.equal(calls(), 1)
    })

    t.test('a response without content is stored with its status', async (t) => {
      for (const status of [204, 301, 404]) {
        const { app, calls } = await site(t, makeStore, {}, (_request, reply) =>
          reply.code(status).header('cache-control', 'max-age=60').header('location', '/x').send())
        await ask(app)
        const warm = await ask(app)
        t.match(warm, { statusCode: status, body: '', status: 'larder; hit; ttl=60', headers: { location: '/x' } })
        t.equal(warm.headers['content-type'], undefined)
        t.equal(warm.headers['content-length'], status === 204 ? undefined : '0')
        t.equal(calls(), 1)
      }
    })

    t.test('HEAD of a streamed response has no body, and a Content-Length once it is known', async (t) => {
      for (const [kind, make] of Object.entries(BODIES)) {
        const { app, listener, calls } = await site(t, makeStore, 300, (_request, reply) =>
          reply.type('text/x-test').send(make(['one', 'two'])))
        const cold = await app.inject({ method: 'HEAD', url: '/page' })
        t.equal(cold.body, '', kind)
        await listener.heard('set')
        const warm = await app.inject({ method: 'HEAD', url: '/page' })
        t.match(warm.headers, { 'content-length': '6', 'cache-status': 'larder; hit; ttl=300' }, kind)
        t.equal(calls(), 1, kind)
      }
    })
  })
}

t.test('an error that replaces a stream has none of its caching headers', async (t) => {
  const broken: Record<string, () => unknown> = {
    'a stream': () => new Readable({ read () { this.destroy(new Error('broken')) } }),
    'a web stream': () => new ReadableStream({ pull () { throw new Error('broken') } }),
    'what was used already': () => {
      const response = new Response('x')
      response.body!.getReader()
      return response
    }
  }
  for (const custom of [false, true]) {
    for (const [kind, make] of Object.entries(broken)) {
      const app = Fastify()
      if (custom) app.setErrorHandler((_error, _request, reply) => reply.code(500).send({ sorry: true }))
      const { listener, calls } = await onMemory(t, 300, (_request, reply) =>
        reply.header('last-modified', 'Thu, 01 Jan 2026 00:00:00 GMT').type('text/plain').send(make()), { app })
      await app.listen({ host: '127.0.0.1', port: 0 })
      for (const answer of await Promise.all([open(app), open(app)])) {
        t.equal(answer.statusCode, 500, kind)
        t.equal(answer.headers['cache-control'], 'no-store', kind)
        for (const name of ['expires', 'etag', 'last-modified']) t.notOk(name in answer.headers, `${kind} ${name}`)
        t.ok(JSON.parse(await text(answer)))
      }
      t.equal(calls(), 2)
      t.equal(listener.events.filter(({ type }) => type === 'set').length, 0)
    }
  }
})

t.test('an error of an onSend hook after a hit has none of the caching headers of the hit', async (t) => {
  let failing = false
  const { app } = await onMemory(t, 300, undefined, {
    after: (app) => app.addHook('onSend', async (_request, _reply, payload) => {
      if (failing && payload !== undefined && !String(payload).includes('oops')) throw new Error('oops')
      return payload
    })
  })
  await ask(app)
  failing = true
  for (const url of ['/page', '/page?cold']) {
    const { statusCode, headers } = await ask(app, {}, url)
    t.equal(statusCode, 500)
    t.equal(headers['cache-control'], 'no-store')
    for (const name of ['expires', 'etag', 'age']) t.notOk(name in headers, name)
  }
})

t.test('a handler that throws after it has set Cache-Control gets an error with no-store', async (t) => {
  for (const cachePage of [{}, { ttl: 300 }]) {
    for (const status of [500, 503, undefined]) {
      const { app } = await onMemory(t, cachePage, (_request, reply) => {
        reply.headers({ 'cache-control': 'public, max-age=60', expires: 'Thu, 01 Jan 2026 00:05:00 GMT', etag: '"x"' })
        throw Object.assign(new Error('broken'), status !== undefined && { statusCode: status })
      })
      for (let i = 0; i < 2; i++) {
        const { statusCode, headers, status: told } = await ask(app)
        t.equal(statusCode, status ?? 500)
        t.equal(headers['cache-control'], 'no-store')
        t.notOk('expires' in headers || 'etag' in headers)
        t.match(told, /^larder; fwd=uri-miss; detail=/)
      }
    }
  }
})

t.test('an error that the handler sends itself may have a lifetime', async (t) => {
  const { app, calls } = await onMemory(t, 300, (_request, reply) =>
    reply.code(503).header('cache-control', 'max-age=5').send('later'))
  await ask(app)
  t.match(await ask(app), { statusCode: 503, body: 'later', status: 'larder; hit; ttl=5' })
  t.equal(calls(), 1)
})

t.test('a hijacked reply is not stored, and blocks no other request', async (t) => {
  for (const hijack of [true, false]) {
    const { app, calls, listener } = await onMemory(t, 300, (_request, reply, call) => {
      if (hijack) reply.hijack()
      reply.raw.end(`raw ${call}`)
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const answers = await Promise.all([open(app), open(app), open(app)])
    t.strictSame((await Promise.all(answers.map(text))).sort(), ['raw 1', 'raw 2', 'raw 3'])
    t.equal(calls(), 3)
    t.equal(listener.events.filter(({ type }) => type === 'set').length, 0)
  }
})

t.test('a Response that may not be stored has each of its headers once', async (t) => {
  for (const body of [null, 'text']) {
    const { app } = await onMemory(t, 300, () => new Response(body, { status: 202, headers: { 'set-cookie': 'a=b' } }))
    t.match(await ask(app), { statusCode: 202, body: body ?? '', headers: { 'set-cookie': 'a=b' } })
  }
})

t.test('a slow client pauses the source once maxBytes have been collected', async (t) => {
  let read = 0
  const total = 50_000_000
  const maxBytes = 200_000
  const source = new Readable({
    highWaterMark: 1,
    read () {
      read += 10_000
      this.push(read > total ? null : Buffer.alloc(10_000))
    }
  })
  const { app } = await onMemory(t, { ttl: 300, maxBytes }, () => source)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const answer = await open(app)
  answer.pause()
  let before = -1
  await until('it waits', async () => {
    const waits = before === read
    before = read
    await turn()
    return waits
  })
  // The kernel buffers data at both ends of a socket, outside our limit.
  t.ok(read < 20_000_000, `${read} bytes were read`)
  t.equal((await buffer(answer)).length, total)
})

for (const place of ['before', 'after'] as const) {
  t.test(`with @fastify/compress registered ${place} the page cache each client gets its encoding`, async (t) => {
    const long = 'compressible '.repeat(500)
    const bodies: Record<string, () => unknown> = {
      text: () => long, stream: () => Readable.from([long.slice(0, 1000), long.slice(1000)])
    }
    for (const [kind, make] of Object.entries(bodies)) {
      for (const ownEtag of [false, true]) {
        const { app, calls, listener } = await onMemory(t, 300, (_request, reply) => {
          if (ownEtag) reply.header('etag', '"own"')
          return reply.type('text/plain').send(make())
        }, { [place]: (app: FastifyInstance) => app.register(compress) })
        const decoders: Record<string, (body: Buffer) => Buffer> = {
          gzip: gunzipSync, br: brotliDecompressSync, identity: (body) => body
        }
        const get = async (encoding: string | undefined, headers: Record<string, string> = {}) => {
          const answer = await app.inject({
            url: '/page', headers: { ...encoding !== undefined && { 'accept-encoding': encoding }, ...headers }
          })
          return { answer, told: answer.headers['content-encoding'] }
        }
        for (let round = 0; round < 2; round++) {
          for (const encoding of ['gzip', 'br', 'identity', undefined, 'br', 'gzip']) {
            const { answer, told } = await get(encoding)
            t.equal(told ?? 'identity', encoding ?? 'identity', `${kind} ${encoding}`)
            t.equal(decoders[encoding ?? 'identity']!(answer.rawPayload).toString(), long)
            t.match(answer.headers, {
              'cache-status': /^larder; (hit|fwd=uri-miss)/, ...told !== undefined && { vary: /accept-encoding/ }
            })
            await listener.heard('set')
          }
        }
        t.equal(calls(), 1, 'it is kept as it is, and compressed on its way')
        const etag = String((await get('gzip')).answer.headers.etag)
        for (const encoding of ['gzip', 'br', 'identity', undefined]) {
          const { answer, told } = await get(encoding, { 'if-none-match': etag })
          t.equal(answer.statusCode, 304)
          t.equal(answer.rawPayload.length, 0)
          t.equal(told, undefined)
          const part = await get(encoding, { range: 'bytes=0-11' })
          t.match(part.answer, { statusCode: 206, body: 'compressible' })
          t.equal(part.told, undefined)
        }
      }
    }
  })
}

t.test('a response that its handler has compressed varies by Accept-Encoding', async (t) => {
  const long = 'compressible '.repeat(500)
  const { app, calls, listener } = await onMemory(t, 300, (_request, reply) =>
    (reply.type('text/plain') as unknown as { compress: (body: unknown) => unknown }).compress(Readable.from([long])), {
    before: (app) => app.register(compress, { global: false })
  })
  for (const [i, encoding] of ['gzip', 'br', 'gzip', 'br'].entries()) {
    const answer = await app.inject({ url: '/page', headers: { 'accept-encoding': encoding } })
    t.match(answer.headers, {
      'content-encoding': encoding, vary: 'accept-encoding', 'cache-status': i < 2 ? /streamed/ : /; hit/
    })
    t.equal((encoding === 'gzip' ? gunzipSync : brotliDecompressSync)(answer.rawPayload).toString(), long)
    if (i < 2) await listener.heard('set', i === 0 ? 2 : 3)
  }
  const plain = await ask(app, { 'accept-encoding': 'identity' })
  t.equal(plain.body, long)
  t.notOk('content-encoding' in plain.headers)
  t.equal(calls(), 3)
})
