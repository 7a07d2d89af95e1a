import { Readable } from 'node:stream'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import compress from '@fastify/compress'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { createTestApp } from '../../support/create-test-app.ts'

for (const place of ['before', 'after'] as const) {
  t.test(`with @fastify/compress registered ${place} the page cache each client gets its encoding`, async (t) => {
    const long = 'compressible '.repeat(500)
    const bodies: Record<string, () => unknown> = {
      text: () => long, stream: () => Readable.from([long.slice(0, 1000), long.slice(1000)])
    }
    for (const [kind, make] of Object.entries(bodies)) {
      for (const ownEtag of [false, true]) {
        const { app, calls, listener } = await createTestApp(t, 300, (_request, reply) => {
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
          return { answer, coding: answer.headers['content-encoding'] }
        }
        for (let round = 0; round < 2; round++) {
          for (const encoding of ['gzip', 'br', 'identity', undefined, 'br', 'gzip']) {
            const { answer, coding } = await get(encoding)
            t.equal(coding ?? 'identity', encoding ?? 'identity', `${kind} ${encoding}`)
            t.equal(decoders[encoding ?? 'identity']!(answer.rawPayload).toString(), long)
            t.match(answer.headers, {
              'cache-status': /^larder; (hit|fwd=uri-miss)/, ...coding !== undefined && { vary: /accept-encoding/ }
            })
            await listener.heard('set')
          }
        }
        t.equal(calls(), 1, 'it is stored as it is, and compressed when it is sent')
        const etag = String((await get('gzip')).answer.headers.etag)
        for (const encoding of ['gzip', 'br', 'identity', undefined]) {
          const { answer, coding } = await get(encoding, { 'if-none-match': etag })
          t.equal(answer.statusCode, 304)
          t.equal(answer.rawPayload.length, 0)
          t.equal(coding, undefined)
          const part = await get(encoding, { range: 'bytes=0-11' })
          t.match(part.answer, { statusCode: 206, body: 'compressible' })
          t.equal(part.coding, undefined)
        }
      }
    }
  })
}

t.test('a response that its handler has compressed varies by Accept-Encoding', async (t) => {
  const long = 'compressible '.repeat(500)
  const { app, get, calls, listener } = await createTestApp(t, 300, (_request, reply) =>
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
  const plain = await get({ 'accept-encoding': 'identity' })
  t.equal(plain.body, long)
  t.notOk('content-encoding' in plain.headers)
  t.equal(calls(), 3)
})
