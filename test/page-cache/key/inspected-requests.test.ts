import { format, inspect } from 'node:util'
import cookie from '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { ask, site } from './page-site.ts'

type Print = (request: FastifyRequest, reply: FastifyReply) => string

/** Ways to print the headers or the connection of a request. */
const WAYS: Record<string, Print> = {
  headers: ({ headers }) => inspect(headers),
  'headers with showProxy': ({ headers }) => inspect(headers, { showProxy: true, depth: 9 }),
  'headers within': ({ headers }) => inspect({ list: [headers] }),
  'headers by %o': ({ headers }) => format('%o', headers),
  'headers by %O': ({ headers }) => format('%O', headers),
  'headers by %s': ({ headers }) => format('%s', headers),
  'headers by %j': ({ headers }) => format('%j', headers),
  'an error': ({ headers }) => inspect(new Error('no', { cause: headers })),
  'the request of Node': ({ raw }) => inspect(raw, { depth: 5 }),
  'the request of Fastify': (request) => inspect(request, { depth: 5 }),
  'the response of Node': (_request, { raw }) => inspect(raw, { depth: 5 }),
  'the reply of Fastify': (_request, reply) => inspect(reply, { depth: 5 })
}

t.test('a page that prints what util.inspect shows of a request is not shared', async (t) => {
  for (const [way, print] of Object.entries(WAYS)) {
    for (const place of ['handler', 'hook'] as const) {
      const { app } = await site(t, 300, (request, reply) => {
        return place === 'handler' ? print(request, reply) : String((request.raw as { printed?: string }).printed)
      }, {
        before: (app) => app.addHook('onRequest', async (request, reply) => {
          if (place === 'hook') Object.assign(request.raw, { printed: print(request, reply) })
        })
      })
      for (const tenant of ['ann', 'bob']) {
        const { body, status } = await ask(app, { 'x-tenant': tenant })
        t.match(body, tenant, `${way} in the ${place}`)
        t.equal(status, 'larder; fwd=uri-miss; detail=all-headers-read', `${way} in the ${place}`)
      }
    }
  }
})

t.test('a page that prints cookies is not shared', async (t) => {
  for (const options of [{}, { showProxy: true }]) {
    const { app } = await site(t, 300, (request) => inspect(request.cookies, options), {
      before: (app) => app.register(cookie)
    })
    for (const user of ['ann', 'bob']) {
      t.match(await ask(app, { cookie: `user=${user}` }), { body: RegExp(user), status: /detail=cookie/ })
    }
  }
})

t.test('util.inspect without custom functions shows nothing of the headers', async (t) => {
  for (const showProxy of [false, true]) {
    const { app } = await site(t, 300, ({ headers }) => inspect(headers, { customInspect: false, showProxy, depth: 9 }))
    t.notMatch((await ask(app, { 'x-tenant': 'ann' })).body, 'ann')
  }
})

t.test('requests of routes without a page cache can be printed', async (t) => {
  const { app } = await site(t, 300, undefined, {
    before: (app) => app.get('/plain', async ({ headers, raw }) => inspect([headers, raw], { depth: 3 }))
  })
  t.match((await app.inject({ url: '/plain', headers: { 'x-tenant': 'ann' } })).body, 'ann')
})
