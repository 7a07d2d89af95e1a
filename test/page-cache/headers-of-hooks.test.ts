import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import helmet from 'helmet'
import t, { type Test } from 'tap'
import type { CachePageOptions } from '../../src/page-cache/index.ts'
import { createTestApp } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const CSP = 'content-security-policy'
const stores = await pageStores(t)

interface Nonced extends FastifyRequest { nonce?: string }

/** Makes a nonce for each request, and sets it in the policy, as @fastify/helmet does with `enableCSPNonces`. */
async function setNonce (request: Nonced, reply: FastifyReply): Promise<void> {
  const nonce = request.nonce = randomBytes(16).toString('hex')
  const scriptSrc = ["'self'", `'nonce-${nonce}'`]
  helmet({ contentSecurityPolicy: { directives: { scriptSrc } } })(request.raw, reply.raw, () => {})
}

const printNonce = (request: Nonced) => `<script nonce="${request.nonce}">`

/** Returns the nonces in the policy and in the body. */
async function readNonces (app: FastifyInstance, headers: Record<string, string> = {}, url = '/page') {
  const response = await app.inject({ url, headers })
  const [, inPolicy] = /'nonce-(\w+)'/.exec(String(response.headers[CSP])) ?? []
  const [, inBody] = /nonce="(\w+)"/.exec(response.body) ?? []
  return { inPolicy, inBody, response, status: String(response.headers['cache-status']) }
}

/** A page behind hooks that were added before the page cache or after it. */
async function hookedPage (
  t: Test, add: (app: FastifyInstance) => unknown, handler: (request: Nonced, reply: FastifyReply) => unknown, {
    isBefore = true, store = 'memory', cachePage = 60
  }: { isBefore?: boolean, store?: string, cachePage?: CachePageOptions | number } = {}
) {
  return await createTestApp(t, cachePage, handler, {
    store: stores[store]!, ...isBefore ? { before: add } : { after: add }
  })
}

for (const store of Object.keys(stores)) {
  for (const isBefore of [true, false]) {
    t.test(`on ${store}, hook ${isBefore ? 'before' : 'after'} the page cache`, async (t) => {
      t.test('a policy with a nonce is stored with the body that contains the nonce', async (t) => {
        for (const hook of ['onRequest', 'preValidation', 'preHandler'] as const) {
          const { app } = await hookedPage(t, (app) => app.addHook(hook, setNonce), printNonce, { isBefore, store })
          const first = await readNonces(app)
          t.match(first, { inBody: /^\w{32}$/, inPolicy: first.inBody, status: /stored/ }, hook)
          const hit = await readNonces(app)
          t.match(hit, { inBody: first.inBody, inPolicy: first.inBody, status: /hit/ }, hook)
          const etag = String(first.response.headers.etag)
          const copy = await readNonces(app, { 'if-none-match': etag })
          t.equal(copy.response.statusCode, 304)
          t.equal(copy.inPolicy, first.inBody, 'a 304 has the policy of the body that the browser has')
        }
      })

      t.test('a header that the handler has removed stays removed on hits', async (t) => {
        const names = ['x-frame-options', CSP, 'x-raw', 'set-cookie']
        const { app } = await hookedPage(t, (app) => app.addHook('onRequest', async (_request, reply) => {
          reply.headers({ 'x-frame-options': 'DENY', [CSP]: 'default-src self', 'set-cookie': 'a=1' })
          reply.raw.setHeader('X-Raw', '1')
        }), (_request, reply) => {
          for (const name of names) reply.removeHeader(name)
          return 'page'
        }, { isBefore, store })
        for (const status of [/stored/, /hit/]) {
          const { headers } = await app.inject('/page')
          t.match(headers['cache-status'], status)
          for (const name of names) t.notOk(name in headers, name)
        }
      })
    })
  }
}

t.test('headers of hooks that describe the content are stored, and others are set anew', async (t) => {
  let requests = 0
  const { app } = await hookedPage(t, (app) => app.addHook('onRequest', async (_request, reply) => {
    const number = ++requests
    reply.headers({
      'content-language': number === 1 ? 'de' : 'en',
      [`${CSP}-report-only`]: `script-src 'nonce-${number}'`,
      link: `</${number}.css>; rel=preload`,
      'x-token': `token-${number}`,
      'x-list': `a, part-of-a-list-${number}`,
      'x-count': String(number),
      'x-request-id': `request-${number}`,
      'x-ratelimit-reset': `reset-in-${number}`
    })
  }), () => 'call 1 token-1 part-of-a-list-1 request-1 reset-in-1')
  await app.inject('/page')
  t.match((await app.inject('/page')).headers, {
    'cache-status': /hit/,
    'content-language': 'de',
    [`${CSP}-report-only`]: "script-src 'nonce-1'",
    link: '</1.css>; rel=preload',
    'x-token': 'token-1', // the body contains it
    'x-list': 'a, part-of-a-list-1',
    'x-count': '2',
    'x-request-id': 'request-2',
    'x-ratelimit-reset': 'reset-in-2'
  })
})

t.test('the policy of a stream is stored with it, and so is a header whose value it contains', async (t) => {
  const { app, listener } = await hookedPage(t, (app) => app.addHook('onRequest', async (request: Nonced, reply) => {
    await setNonce(request, reply)
    reply.header('x-nonce', request.nonce)
  }), (request) => Readable.from([printNonce(request)]))
  const first = await readNonces(app)
  await listener.heard('set')
  const hit = await readNonces(app)
  t.match(hit, { inBody: first.inBody, inPolicy: first.inBody, status: /hit/ })
  t.equal(hit.response.headers['x-nonce'], first.inBody)
})

t.test('a 304 of the handler leaves the policy of the stored body, and replaces what it states itself', async (t) => {
  const { app, clock } = await hookedPage(t, (app) => app.addHook('onRequest', async (request: Nonced, reply) => {
    await setNonce(request, reply)
    reply.header('x-removed', '1')
  }), (request, reply) => {
    reply.header('etag', '"own"')
    if (request.headers['if-none-match'] !== undefined) return reply.code(304).header('content-language', 'en').send()
    reply.removeHeader('x-removed')
    return reply.header('content-language', 'de').send(printNonce(request))
  })
  const first = await readNonces(app)
  clock.advance(61)
  for (const status of [/fwd-status=304; stored/, /hit/]) {
    const later = await readNonces(app)
    t.match(later, { inBody: first.inBody, inPolicy: first.inBody, status })
    t.match(later.response.headers, { 'content-language': 'en', 'x-removed': undefined })
  }
})

t.test('a failure that waiting requests share has the policy of its body', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app, listener, calls } = await hookedPage(t, (app) => app.addHook('onRequest', async (request, reply) => {
    await setNonce(request, reply)
    reply.header('x-removed', '1')
  }), async (request, reply) => {
    await gate.promise
    reply.removeHeader('x-removed')
    return reply.code(503).send(printNonce(request))
  })
  const all = [readNonces(app), readNonces(app)]
  await listener.heard('miss', 2)
  gate.resolve()
  for (const { inPolicy, inBody, response } of await Promise.all(all)) {
    t.match(response, { statusCode: 503, headers: { 'x-removed': undefined } })
    t.equal(inPolicy, inBody)
  }
  t.equal(calls(), 1)
})

for (const isBefore of [true, false]) {
  t.test(`an onSend hook ${isBefore ? 'before' : 'after'} the page cache sets the policy`, async (t) => {
    const add = (app: FastifyInstance) => {
      app.addHook('onRequest', async (request: Nonced) => { request.nonce = randomBytes(16).toString('hex') })
      app.addHook('onSend', async (request: Nonced, reply) => {
        reply.header(CSP, `script-src 'nonce-${request.nonce}'`)
      })
    }
    for (const stream of [false, true]) {
      const { app, cache } = await hookedPage(t, add, (request) =>
        stream ? Readable.from([printNonce(request)]) : printNonce(request), { isBefore })
      for (let i = 0; i < 3; i++) {
        const { inBody, inPolicy, status } = await readNonces(app)
        t.equal(inPolicy, inBody)
        if (!isBefore && !stream) t.match(status, /; detail=csp-nonce$/)
        while (cache.loadsInFlight > 0) await new Promise(setImmediate)
      }
    }
  })
}

t.test('a later hook may put a nonce into each body on its way out', async (t) => {
  const { app, calls } = await hookedPage(t, (app) => app.addHook('onSend', async (_request, reply, payload) => {
    const nonce = randomBytes(16).toString('hex')
    reply.header(CSP, `script-src 'nonce-${nonce}'`)
    return String(payload).replace('NONCE', nonce)
  }), () => '<script nonce="NONCE">', { isBefore: false })
  const first = await readNonces(app)
  const second = await readNonces(app)
  for (const { inPolicy, inBody } of [first, second]) t.equal(inPolicy, inBody)
  t.not(first.inBody, second.inBody)
  t.equal(calls(), 1)
})

t.test('headers that the response forbids to store are not stored for hooks either', async (t) => {
  const { app } = await hookedPage(t, (app) => app.addHook('onRequest', async (_request, reply) => {
    reply.header('content-language', 'de')
  }), (_request, reply) => reply.header('cache-control', 'private="content-language"').send('page'))
  await app.inject('/page')
  t.equal((await app.inject('/page')).headers['content-language'], 'de', 'the hook sets it again')
})
