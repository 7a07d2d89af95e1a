import { setImmediate as turn } from 'node:timers/promises'
import Fastify from 'fastify'
import t from 'tap'
import { createTestApp } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('waiting requests share a 502, 503 or 504', async (t) => {
      for (const [status, shared] of [[502, true], [503, true], [504, true], [500, false]] as const) {
        const gate = Promise.withResolvers<void>()
        const { get, calls, listener } = await createTestApp(t, { ttl: 10 }, async (_request, reply) => {
          await gate.promise
          reply.code(status).type('text/html').header('x-error', 'yes').header('vary', 'accept')
          return reply.send('<h1>sorry</h1>')
        }, { store })
        const all = Array.from({ length: 5 }, () => get())
        await listener.heard('miss', 5)
        await turn()
        gate.resolve()
        const answers = await Promise.all(all)
        t.equal(calls(), shared ? 1 : 5)
        t.match(
          answers,
          Array(5).fill({
            statusCode: status,
            body: '<h1>sorry</h1>',
            headers: {
              'content-type': 'text/html',
              'x-error': 'yes',
              vary: 'accept',
              ...shared && { 'cache-control': 'no-store' }
            }
          })
        )
        const collapsed = `fwd=miss; fwd-status=${status}; collapsed`
        t.equal(answers.filter(({ status }) => status === collapsed).length, shared ? 4 : 0)
      }
    })
  })
}

t.test('a failure for one client only is not shared', async (t) => {
  const personal: Array<Record<string, string>> = [
    { 'set-cookie': 'a=b' }, { 'cache-control': 'private' }, { vary: '*' }, { vary: 'x-number' }
  ]
  for (const headers of personal) {
    const gate = Promise.withResolvers<void>()
    const { get, calls, listener } = await createTestApp(t, { ttl: 10 }, async (_request, reply, call) => {
      await gate.promise
      return reply.code(502).headers(headers).send(`sorry ${call}`)
    })
    const all = Array.from({ length: 3 }, (_, i) => get({ 'x-number': String(i) }))
    await listener.heard('miss', 3)
    gate.resolve()
    t.same(new Set((await Promise.all(all)).map(({ body }) => body)), new Set(['sorry 1', 'sorry 2', 'sorry 3']))
    t.equal(calls(), 3)
  }
})

t.test('a shared failure keeps the headers that hooks have set for each request', async (t) => {
  const app = Fastify()
  app.addHook('onRequest', async (request, reply) => { reply.header('x-request', String(request.headers['x-number'])) })
  const gate = Promise.withResolvers<void>()
  const { get, listener, calls } = await createTestApp(t, {
    ttl: 10, ignoreHeaders: ['x-number']
  }, async (_request, reply) => {
    await gate.promise
    return reply.code(503).send('sorry')
  }, { app })
  const all = ['1', '2'].map((number) => get({ 'x-number': number }))
  await listener.heard('miss', 2)
  gate.resolve()
  t.strictSame((await Promise.all(all)).map(({ headers }) => headers['x-request']), ['1', '2'])
  t.equal(calls(), 1)
})
