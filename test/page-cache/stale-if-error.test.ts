import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import Fastify from 'fastify'
import t from 'tap'
import { createTestApp } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('staleIfError: a stale response is served if the handler fails, with a back-off', async (t) => {
      let failing: number | undefined
      const { get, clock, calls } = await createTestApp(t, { ttl: 10, staleIfError: 100 }, (_request, reply, call) => {
        if (failing === undefined) return `call ${call}`
        return reply.code(failing).header('x-error', 'yes').header('content-type', 'text/html').send('<h1>sorry</h1>')
      }, { store })
      t.equal((await get()).status, 'fwd=uri-miss; stored; ttl=10')
      let ran = 1
      clock.advance(11)
      for (const status of [500, 502, 503, 504]) {
        failing = status
        const instead = await get()
        t.match(instead, {
          statusCode: 200,
          body: 'call 1',
          status: /^fwd=stale; fwd-status=50\d; ttl=-\d+; detail=stale-if-error$/
        })
        t.match(instead.headers, { 'content-type': 'text/plain; charset=utf-8', 'content-length': '6', etag: /^"/ })
        t.notOk('x-error' in instead.headers)
        t.equal(calls(), ++ran)
        t.match(await get(), {
          statusCode: 200, body: 'call 1', status: /^hit; ttl=-\d+; detail=stale-if-error$/
        })
        t.equal(calls(), ran, 'it is left alone for a moment')
        clock.advance(8) // as long as it is left alone after four failures
      }
      t.equal((await get({ 'if-none-match': '*' })).statusCode, 304)
      failing = 404
      clock.advance(16)
      t.match(await get(), {
        statusCode: 404, body: '<h1>sorry</h1>', status: 'fwd=stale; detail=status-404'
      })
      failing = undefined
      t.match(await get(), { statusCode: 200, body: `call ${calls()}` })
    })

    t.test('staleIfError: after its window the failure is sent', async (t) => {
      const { get, clock } = await createTestApp(t, { ttl: 10, staleIfError: 20 }, (_request, reply, call) => {
        return call === 1 ? 'good' : reply.code(503).send('sorry')
      }, { store })
      await get()
      clock.advance(30)
      t.match(await get(), {
        statusCode: 503, body: 'sorry', status: /^fwd=(stale|uri-miss); detail=status-503$/
      })
    })

    t.test('timeout: a stale response is served in place of a slow handler\'s; that is stored later', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { get, clock, listener, calls } = await createTestApp(t, {
        ttl: 10, staleIfError: 100, timeout: 0.02
      }, async (_request, _reply, call) => {
        if (call === 2) await gate.promise
        return `call ${call}`
      }, { store })
      await get()
      clock.advance(11)
      t.match(await get(), { body: 'call 1', status: 'fwd=stale; ttl=-1; detail=stale-if-error' })
      gate.resolve()
      await listener.heard('set', 2)
      t.match(await get(), { body: 'call 2', status: 'hit; ttl=10' })
      t.equal(calls(), 2)

      const patient = await createTestApp(t, { ttl: 10, staleIfError: 100, timeout: 60 }, undefined, { store })
      await patient.get()
      patient.clock.advance(11)
      t.match(await patient.get(), { body: 'call 2', status: 'fwd=stale; stored; ttl=10' })
    })

    t.test('timeout: a response whose stale window ends during the wait is not served', async (t) => {
      const [began, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const { get, clock, listener } = await createTestApp(t, {
        ttl: 10, staleIfError: 20, timeout: 0.5
      }, async (_request, _reply, call) => {
        if (call === 2) {
          began.resolve()
          await gate.promise
        }
        return `call ${call}`
      }, { store })
      await get()
      clock.advance(29.9)
      const waiting = get()
      await began.promise
      clock.advance(1)
      t.match(await waiting, { body: 'call 3', status: 'fwd=miss; detail=collapse-refused' })
      gate.resolve()
      await listener.heard('load', 2)
    })
  })
}

t.test('all waiting requests get the stale response', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { get, clock, calls, listener } = await createTestApp(t, { ttl: 10, staleIfError: 100 },
    async (_request, reply, call) => {
      if (call === 1) return 'good'
      await gate.promise
      throw new Error('upstream down')
    })
  await get()
  clock.advance(11)
  const all = Array.from({ length: 5 }, () => get())
  await listener.heard('miss', 6)
  gate.resolve()
  t.match(await Promise.all(all), Array(5).fill({ statusCode: 200, body: 'good', status: /detail=stale-if-error$/ }))
  t.equal(calls(), 2)
})

t.test('the body of a failure is closed when a stale response replaces it, whatever its kind', async (t) => {
  const ended: string[] = []
  const bodies: Record<string, () => unknown> = {
    'a stream': () => new Readable({ read () {}, destroy (error, done) { ended.push('a stream'); done(error) } }),
    'a web stream': () => new ReadableStream({ cancel () { ended.push('a web stream'); throw new Error('oops') } }),
    'a response': () => new Response(new ReadableStream({ cancel () { ended.push('a response') } }), { status: 503 }),
    'no body': () => null
  }
  for (const [name, make] of Object.entries(bodies)) {
    const { get, clock } = await createTestApp(t, { ttl: 10, staleIfError: 100 }, (_request, reply, call) => {
      return call === 1 ? 'good' : reply.code(503).type('text/plain').send(make())
    })
    await get()
    clock.advance(11)
    t.match(await get(), { statusCode: 200, body: 'good' }, name)
  }
  t.strictSame(ended, ['a stream', 'a web stream', 'a response'])
})

t.test('a stale response has the headers of its own request and none of the failure', async (t) => {
  const app = Fastify()
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'x-request': String(request.headers['x-number']), 'x-frame-options': 'DENY' })
  })
  const gate = Promise.withResolvers<void>()
  const { get, clock, listener } = await createTestApp(t, {
    ttl: 10, staleIfError: 10, ignoreHeaders: ['x-number']
  }, async (_request, reply, call) => {
    if (call === 1) return 'good'
    if (call > 2) await gate.promise
    return reply.code(503).headers({
      'x-frame-options': 'ALLOWALL', 'x-request': 'of the failure', 'x-error': 'yes'
    }).send('sorry')
  }, { app })
  await get({ 'x-number': '1' })
  clock.advance(11)
  const old = await get({ 'x-number': '2' })
  t.match(old, { statusCode: 200, headers: { 'x-request': '2', 'x-frame-options': 'DENY', 'x-error': undefined } })
  clock.advance(10)
  const all = [get({ 'x-number': '3' }), get({ 'x-number': '4' })]
  await listener.heard('miss', 4)
  gate.resolve()
  t.match(
    (await Promise.all(all))[1],
    { statusCode: 503, headers: { 'x-request': 'of the failure', 'x-frame-options': 'ALLOWALL' } },
    'the headers of the handler are shared'
  )
})

t.test('a 404, a 410 or a 200 that may not be stored ends the stored response; other refusals do not', async (t) => {
  for (const [status, headers, ends] of [
    [404, {}, true], [410, {}, true], [200, { 'cache-control': 'private' }, true], [403, {}, false], [302, {}, false]
  ] as const) {
    const { get, clock, listener } = await createTestApp(t, {
      ttl: 10, staleWhileRevalidate: 1000
    }, (_request, reply, call) => {
      return call === 1 ? 'good' : reply.code(status).headers(headers).send('other')
    })
    await get()
    clock.advance(11)
    t.equal((await get()).body, 'good')
    await listener.heard('load', 2)
    await turn()
    t.equal((await get()).body, ends ? 'other' : 'good', `${status}`)
  }
})
