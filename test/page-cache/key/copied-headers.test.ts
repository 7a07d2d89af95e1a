import type { FastifyInstance, FastifyRequest } from 'fastify'
import t from 'tap'
import { createTestApp, type Handler, sendRequest } from '../../support/create-test-app.ts'

t.test('a handler that copies all headers: stored only with its own lifetime, never with cookies', async (t) => {
  const ways: Record<string, (request: FastifyRequest) => unknown> = {
    spread: ({ headers }) => ({ ...headers }),
    rest: ({ headers: { 'x-none': _, ...rest } }) => rest,
    keys: ({ headers }) => Object.keys(headers),
    entries: ({ headers }) => Object.entries(headers),
    'for in': ({ headers }) => { const all = []; for (const name in headers) all.push(headers[name]); return all },
    json: ({ headers }) => JSON.stringify(headers),
    assign: ({ headers }) => Object.assign({}, headers),
    raw: ({ raw }) => ({ ...raw.headers }),
    rawHeaders: ({ raw }) => [...raw.rawHeaders],
    'rawHeaders by number': ({ raw }) => raw.rawHeaders[1],
    'rawHeaders by method': ({ raw }) => raw.rawHeaders.indexOf('x-lang')
  }
  for (const [way, read] of Object.entries(ways)) {
    const { get } = await createTestApp(t, 300, read)
    await get()
    t.equal((await get()).status, 'fwd=uri-miss; detail=all-headers-read', way)
    for (const when of ['onRequest', 'preHandler'] as const) {
      const hooked = await createTestApp(t, 300, undefined, {
        after: (app) => app.addHook(when, async (request) => { read(request) })
      })
      t.equal((await hooked.get()).status, 'fwd=uri-miss; detail=all-headers-read', `${way} in ${when}`)
    }
    const lasting = await createTestApp(
      t, 300,
      (request, reply) => reply.header('cache-control', 'max-age=60').header('vary', 'x-lang').send(
        JSON.stringify(read(request) ?? null)
      )
    )
    t.equal((await lasting.get({ cookie: 'a=b' })).status, 'fwd=uri-miss; detail=cookie', way)
    t.match(
      await lasting.get(), { status: 'fwd=uri-miss; stored; ttl=60', headers: { vary: 'x-lang' } }, way
    )
    t.match(await lasting.get({ 'x-other': '1' }), { status: 'hit; ttl=60' }, way)
    t.match(await lasting.get({ 'x-lang': 'de' }), { status: /vary-miss/ }, way)
  }
})

t.test('reading rawHeaders counts as reading all headers', async (t) => {
  const { app } = await createTestApp(t, 300, ({ raw }) => raw.headersDistinct['x-lang'])
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  t.equal(
    (await fetch(`${address}/page`, { headers: { 'x-lang': 'de' } })).headers.get('cache-status'),
    'larder; fwd=uri-miss; detail=all-headers-read'
  )
  const whole = await createTestApp(t, 300, ({ headers }) => headers)
  t.equal((await whole.get()).status, 'fwd=uri-miss; detail=all-headers-read')
})

t.test('a header that the handler reads counts even if a hook or the key has listed all headers', async (t) => {
  const list = async ({ headers }: FastifyRequest) => { Object.keys(headers) }
  const hooked = await createTestApp(
    t, {}, ({ headers }, reply) => reply.header('cache-control', 'max-age=60').send(String(headers['x-lang'])),
    { after: (app) => app.addHook('onRequest', list) }
  )
  const keyed = await createTestApp(
    t, { ttl: 60, key: ({ headers }) => String(Object.keys(headers).includes('x-preview')) },
    ({ headers }) => String(headers['x-lang'])
  )
  for (const { app } of [hooked, keyed]) {
    for (const lang of ['de', 'fr']) {
      t.match(await sendRequest(app, { url: '/page', headers: { 'x-lang': lang } }), {
        body: lang, headers: { vary: /x-lang/ }
      })
    }
    t.match(await sendRequest(app, { url: '/page', headers: { 'x-lang': 'de' } }), { body: 'de', status: /^hit/ })
  }
})

t.test('listing headers, then reading some, varies by those; reading all counts as a copy', async (t) => {
  const own = (read: (request: FastifyRequest) => unknown): Handler => (request, reply) => {
    read(request)
    return reply.header('cache-control', 'max-age=60').send('page')
  }
  const ways: Record<string, [read: (request: FastifyRequest) => unknown, vary: string | undefined]> = {
    'a list alone': [({ headers }) => Object.keys(headers), undefined],
    'one of it': [({ headers }) => Object.keys(headers).map((name) => name === 'x-a' && headers[name]), 'x-a'],
    'all of it': [({ headers }) => Object.keys(headers).map((name) => headers[name]), undefined],
    'one before, and the others of it': [
      ({ headers }) => [
        headers['x-a'], Object.keys(headers).filter((name) => name !== 'x-a').map((name) => headers[name])
      ],
      'x-a'
    ]
  }
  for (const [way, [read, vary]] of Object.entries(ways)) {
    const { get } = await createTestApp(t, {}, own(read))
    t.equal((await get({ 'x-a': '1', 'x-b': '2' })).headers.vary, vary, way)
  }
})

t.test('headers that a hook has kept are tracked when the handler lists them and reads some', async (t) => {
  for (const place of ['before', 'after'] as const) {
    for (const way of ['kept', 'replaced'] as const) {
      const kept = new WeakMap<object, FastifyRequest['headers']>()
      const { get } = await createTestApp(t, 300, ({ raw }, reply) => {
        const headers = kept.get(raw)!
        const names = Object.keys(headers).filter((name) => name === 'x-lang')
        const shown = Object.keys(raw.headers).length
        return reply.header('cache-control', 'max-age=60').send(`${shown} ${names.map((name) => headers[name]).join()}`)
      }, {
        [place]: (app: FastifyInstance) => app.addHook('onRequest', async ({ raw }) => {
          kept.set(raw, raw.headers)
          if (way === 'replaced') raw.headers = { host: 'a' }
        })
      })
      for (const lang of ['de', 'en']) t.match(await get({ 'x-lang': lang }), { body: RegExp(lang) }, `${way} ${place}`)
      t.match(await get({ 'x-lang': 'de' }), { status: /^hit/, body: /de/ }, `${way} ${place}`)
    }
  }
})
