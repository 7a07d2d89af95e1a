import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import Fastify, { type FastifyInstance, type FastifyReply, type onSendHookHandler } from 'fastify'
import t, { type Test } from 'tap'
import { createTestApp, type Handler } from '../support/create-test-app.ts'
import { soak } from '../support/soak.ts'

/** Sends a request over a connection of its own, and returns the bytes of the response, without what is always new. */
async function sendRaw (app: FastifyInstance, method: string, headers: Record<string, string>): Promise<string> {
  const lines = Object.entries({ host: 'localhost', connection: 'close', ...headers })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1').setEncoding('latin1')
  socket.write(`${method} /page HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
  return (await text(socket)).replace(/\r\nDate: [^\r]*/i, '').replace(/dur=[0-9.]+/, 'dur=?')
}

/** Creates an app that listens. @param onSend a hook of another plugin */
async function listen (
  t: Test, handler: Handler, fromHooks: Record<string, unknown>, onSend?: onSendHookHandler
): Promise<FastifyInstance> {
  const { app } = await createTestApp(t, 300, handler, {
    before: (app) => {
      app.addHook('onRequest', async (_request, reply) => { setHeaders(reply, fromHooks) })
      if (onSend !== undefined) app.addHook('onSend', onSend)
    }
  })
  await app.listen({ port: 0 })
  return app
}

function setHeaders (reply: FastifyReply, headers: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(headers)) reply.header(name, value)
}

t.test('a hit that is written directly has the bytes that Fastify would send', async (t) => {
  const value = fc.constantFrom<unknown>('a', 'b', '', 7, ['a', 'b'])
  const headers = fc.dictionary(fc.constantFrom(
    'x-a', 'X-B', 'link', 'content-type', 'content-length', 'cache-status', 'server-timing', 'cache-control', 'vary',
    'content-security-policy', 'set-cookie', 'etag'
  ), value, { maxKeys: 4 })
  const body = fc.constantFrom<unknown>(
    'text', 'ä', '', 'x'.repeat(70_000), Buffer.from([0xff, 0]), Buffer.alloc(0), { a: 1 }
  )
  const requestHeaders = fc.constantFrom<Record<string, string>>(
    {}, { 'if-none-match': '*' }, { 'if-none-match': '"x"' }, { range: 'bytes=0-1' },
    { 'if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' }
  )
  let hits = 0
  await fc.assert(fc.asyncProperty(fc.record({
    fromHooks: headers.map(({ etag: _, ...others }) => others),
    own: headers,
    removed: fc.constantFrom('x-a', 'vary', 'x-none'),
    code: fc.constantFrom(200, 200, 203, 301, 204),
    body,
    requests: fc.array(fc.record({ method: fc.constantFrom('GET', 'HEAD'), headers: requestHeaders }), {
      minLength: 1, maxLength: 4
    })
  }), async ({ fromHooks, own, removed, code, body, requests }) => {
    const { 'content-length': _length, 'set-cookie': _cookie, ...rest } = own
    const handler: Handler = (_request, reply) => {
      setHeaders(reply, rest)
      return reply.removeHeader(removed).code(code).send(body)
    }
    const { 'content-length': _, ...others } = fromHooks
    const direct = await listen(t, handler, others)
    const slow = await listen(t, handler, others, async () => {})
    for (const { method, headers } of [{ method: 'GET', headers: {} }, { method: 'GET', headers: {} }, ...requests]) {
      const [bytes, expected] = [await sendRaw(direct, method, headers), await sendRaw(slow, method, headers)]
      if (/cache-status: larder; hit/i.test(bytes)) hits++
      if (bytes !== expected) throw new Error(`got ${bytes}\nexpected ${expected}`)
    }
    await Promise.all([direct.close(), slow.close()])
  }), { numRuns: soak(300, 60) })
  t.ok(hits > 10, `${hits} hits`)
})

t.test('onSend hooks of other plugins see each hit, and may change it', async (t) => {
  for (const where of ['before', 'after'] as const) {
    const { get } = await createTestApp(t, 300, () => 'page', {
      [where]: (app: FastifyInstance) => app.addHook('onSend', async (_request, reply, payload) => {
        reply.header('x-seen', String(payload))
        return `${String(payload)}!`
      })
    })
    await get()
    t.match(await get(), { body: 'page!', status: /hit/, headers: { 'x-seen': 'page' } })
  }
})

t.test('a hit skips the onSend hooks that skipOnHit names', async (t) => {
  let calls = 0
  const { get } = await createTestApp(t, 300, () => 'page', {
    skipOnHit: ['countResponses'],
    before: (app) => app.addHook('onSend', function countResponses (_request, _reply, _payload, done) {
      calls++
      done()
    })
  })
  await get()
  t.match(await get(), { body: 'page', status: /hit/ })
  t.equal(calls, 1)
})

t.test('skipOnHit must be a list of names', async (t) => {
  for (const skipOnHit of ['name', [1], ['']] as never[]) {
    await t.rejects(createTestApp(t, 300, () => 'page', { skipOnHit }), {
      message: 'The option `skipOnHit` of the page cache must be an array of names of functions.'
    })
  }
})

t.test('headers that differ from request to request are those of each request', async (t) => {
  let left = 5
  const { get } = await createTestApp(t, 300, () => 'page', {
    before: (app) => app.addHook('onRequest', async (_request, reply) => {
      left--
      reply.header('ratelimit-limit', '5').header('ratelimit-remaining', String(left))
      if (left === 2) reply.header('x-warning', 'soon')
    })
  })
  for (const expected of ['4', '3', '2', '1']) {
    const { headers } = await get()
    t.equal(headers['ratelimit-remaining'], expected)
    t.equal(headers['x-warning'], expected === '2' ? 'soon' : undefined)
  }
})

t.test('hooks that run after the response see its status and headers', async (t) => {
  const seen: unknown[] = []
  const { get } = await createTestApp(t, 300, () => 'page', {
    after: (app) => app.addHook('onResponse', async (_request, reply) => {
      seen.push([reply.statusCode, reply.getHeader('content-length'), reply.getHeader('age'), reply.sent])
      reply.header('age', 'changed')
    })
  })
  for (let i = 0; i < 3; i++) await get()
  t.strictSame(seen, [[200, '4', undefined, true], [200, '4', '0', true], [200, '4', '0', true]])
})

t.test('middleware that replaces writeHead sets its headers on hits', async (t) => {
  const { get } = await createTestApp(t, 300, () => 'page', {
    before: (app) => app.addHook('onRequest', async (_request, { raw }) => {
      const { writeHead } = raw
      raw.writeHead = (code: number, headers: never) => {
        raw.setHeader('x-late', 'set')
        return writeHead.call(raw, code, headers)
      }
    })
  })
  await get()
  t.match(await get(), { status: /hit/, headers: { 'x-late': 'set' } })
})

t.test('a header of a hook that Node refuses makes a hit an error, and not the next one', async (t) => {
  for (const onSend of [undefined, async () => {}]) {
    let isBroken = false
    const { get } = await createTestApp(t, 300, () => 'page', {
      before: (app) => {
        if (onSend) app.addHook('onSend', onSend)
        app.addHook('onRequest', async (_request, reply) => {
          if (isBroken) reply.header('x-broken', 'a\nb')
        })
      },
      app: Fastify().setErrorHandler(async (error, _request, reply) => {
        reply.code(500).removeHeader('x-broken')
        return (error as Error).message
      })
    })
    await get()
    isBroken = true
    t.match(await get(), { statusCode: 500, body: /Invalid character/, headers: { 'cache-control': 'no-store' } })
    isBroken = false
    t.match(await get(), { statusCode: 200, body: 'page', status: /hit/ })
  }
})

t.test('a hit lacks the headers of hooks that the handler has removed', async (t) => {
  const { get } = await createTestApp(t, 300, (_request, reply) => reply.removeHeader('x-a').send('page'), {
    before: (app) => app.addHook('onRequest', async (_request, reply) => { reply.headers({ 'x-a': '1', 'x-b': '2' }) })
  })
  for (const status of [/fwd/, /hit/, /hit/]) {
    const { headers, status: seen } = await get()
    t.match(seen, status)
    t.equal(headers['x-a'], undefined)
    t.equal(headers['x-b'], '2')
  }
})

t.test('a hit adds its fields to the Cache-Status and Server-Timing of a hook', async (t) => {
  for (const [name, expected] of [['cache-status', /^other, larder; hit/], ['server-timing', /^other, cache/]] as const) {
    const { get } = await createTestApp(t, 300, () => 'page', {
      before: (app) => app.addHook('onRequest', async (_request, reply) => { reply.header(name, 'other') })
    })
    await get()
    t.match((await get()).headers[name], expected)
  }
})

t.test('each hit has the present headers of hooks', async (t) => {
  let count = 0
  const { get } = await createTestApp(t, 300, () => 'page', {
    before: (app) => app.addHook('onRequest', async (_request, reply) => { reply.header('x-count', ++count) })
  })
  for (const count of ['1', '2', '3', '4']) t.equal((await get()).headers['x-count'], count)
})
