import { once } from 'node:events'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t from 'tap'
import { HeaderTracker } from '../../../src/page-cache/key/header-tracking.ts'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('a response varies by the headers that its handler reads, and lists them in Vary', async (t) => {
      const { get, calls } = await createTestApp(
        t, 300, ({ headers }, _reply, call) => `${headers['x-lang']} by ${call}`, { store: makeStore }
      )
      t.match(await get({ 'x-lang': 'de' }), { body: 'de by 1', headers: { vary: 'x-lang' } })
      t.match(await get({ 'x-lang': 'fr' }), { body: 'fr by 2', status: /vary-miss/, headers: { vary: 'x-lang' } })
      t.match(await get(), { body: 'undefined by 3', headers: { vary: 'x-lang' } })
      t.match(await get({ 'x-lang': 'de' }), { body: 'de by 1', status: /^hit/, headers: { vary: 'x-lang' } })
      t.match(await get(), { body: 'undefined by 3', status: /^hit/ })
      t.equal(calls(), 3)
    })
  })
}

t.test('every way to read a header is tracked', async (t) => {
  const ways: Record<string, (request: FastifyRequest) => unknown> = {
    'by name': ({ headers }) => headers['x-lang'],
    'of the raw request': ({ raw }) => raw.headers['x-lang'],
    destructured: ({ headers: { 'x-lang': lang } }) => lang,
    in: ({ headers }) => 'x-lang' in headers,
    hasOwn: ({ headers }) => Object.hasOwn(headers, 'x-lang'),
    'the method of old': ({ headers }) => Object.prototype.hasOwnProperty.call(headers, 'x-lang'),
    descriptor: ({ headers }) => Object.getOwnPropertyDescriptor(headers, 'x-lang')?.value,
    'Reflect.get': ({ headers }) => Reflect.get(headers, 'x-lang')
  }
  for (const [way, read] of Object.entries(ways)) {
    const { get, calls } = await createTestApp(t, 300, (request) => String(read(request)))
    const first = await get({ 'x-lang': 'de' })
    t.match(first, { headers: { vary: 'x-lang' } }, way)
    const other = await get()
    t.not(other.body, first.body, way)
    t.match(other, { status: /vary-miss; stored/, headers: { vary: 'x-lang' } }, way)
    t.match(await get({ 'x-lang': 'de' }), { body: first.body, status: /^hit/ }, way)
    t.equal(calls(), 2, way)
  }
})

t.test('track() reports no reads for an untouched request, and tracks a request once', async (t) => {
  const rawHeaders = ['x-a', '1']
  const raw = { headers: { 'x-a': '1' }, rawHeaders, httpVersionMajor: 1 } as unknown as FastifyRequest['raw']
  const headerReads = HeaderTracker.track(raw)
  t.equal(HeaderTracker.track(raw), headerReads)
  t.strictSame(
    [
      headerReads.readByName, headerReads.keyHeaders, headerReads.readAll, headerReads.unkeyedRead,
      headerReads.readCount
    ],
    [[], [], false, undefined, 0]
  )
  t.equal(raw.headers['x-a'], '1')
  t.equal(headerReads.readCount, 1)
  headerReads.end()
  t.equal(raw.headers, headerReads.headers)
  t.equal(raw.rawHeaders, rawHeaders)
})

t.test('a header that a hook adds or changes is part of the key', async (t) => {
  const { get, calls } = await createTestApp(t, 300, ({ headers }) => `${headers['X-User']} ${headers['x-team']}`, {
    after: (app) => app.addHook('onRequest', async (request) => {
      request.headers['X-User'] = request.url.includes('!') ? 'one' : String(request.headers['x-token']).slice(0, 1)
      request.headers['x-team'] ??= 'red'
    })
  })
  for (const token of ['a1', 'b1', 'a1']) t.equal((await get({ 'x-token': token })).body, `${token[0]} red`)
  t.equal(calls(), 2)
})

t.test('a handler that changes request headers does not change the key of its response', async (t) => {
  for (const headers of [{}, { authorization: 'Basic eDp5' }] as Array<Record<string, string>>) {
    const { get } = await createTestApp(t, 300, (request, reply) => {
      const lang = request.headers['x-lang']
      request.headers['x-lang'] = 'changed'
      return reply.header('cache-control', 'public').send(lang)
    })
    for (const lang of ['de', 'changed', 'de']) t.equal((await get({ ...headers, 'x-lang': lang })).body, lang)
  }
})

t.test('names that JavaScript itself reads from an object do not count as headers', async (t) => {
  const { get } = await createTestApp(t, 300, async ({ headers }) => {
    await headers
    return `${headers} ${headers.hasOwnProperty} ${headers['not a name']}`
  })
  const { statusCode, headers } = await get()
  t.equal(statusCode, 200)
  t.notMatch(String(headers.vary), /toString|hasOwn|not a name/)
})

t.test('over HTTP/2 header reads are tracked and request bodies detected', async (t) => {
  const app = Fastify({ http2: true }) as unknown as FastifyInstance
  const { calls } = await createTestApp(t, 300, ({ headers, raw, host, query }, _reply, call) => {
    if ((query as { raw?: string }).raw !== undefined) return raw.rawHeaders.join()
    return `${headers['x-lang']} ${headers[':path']} ${host} ${call}`
  }, { app })
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const session = connect(address)
  t.teardown(() => session.destroy())
  const get = async (headers: Record<string, string>, body?: string) => {
    const stream = session.request({ ':path': '/page', ...headers }, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    const [fields] = await once(stream, 'response')
    return { body: await text(stream), status: fields['cache-status'], vary: fields.vary }
  }
  const { host } = new URL(address)
  t.match(await get({ 'x-lang': 'de' }), { body: `de /page ${host} 1`, vary: 'x-lang' })
  t.match(await get({ 'x-lang': 'fr' }), { body: `fr /page ${host} 2`, vary: 'x-lang' })
  t.match(await get({ 'x-lang': 'de' }), { body: `de /page ${host} 1`, status: 'hit; ttl=300', vary: 'x-lang' })
  t.match(await get({ 'x-lang': 'de' }, 'body'), {
    body: `de /page ${host} 3`, status: 'fwd=bypass; detail=request-body'
  })
  t.match(await get({ ':path': '/page?raw=1' }), { status: 'fwd=uri-miss; detail=all-headers-read' })
  t.equal(calls(), 4)
})
