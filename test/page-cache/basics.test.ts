import { setImmediate as turn } from 'node:timers/promises'
import Fastify from 'fastify'
import t from 'tap'
import { createCache, type Entry, memoryStore } from '../../src/cache/index.ts'
import pageCache from '../../src/page-cache/index.ts'
import { readPage } from '../../src/page-cache/stored-response.ts'
import { createTestApp, type Handler } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('the first response is stored and served until its lifetime ends', async (t) => {
      const { app, clock } = await createTestApp(t, 300, undefined, { store })
      const cold = await app.inject('/page')
      t.equal(cold.body, 'call 1')
      t.match(cold.headers, {
        'cache-control': 'max-age=300',
        expires: 'Thu, 01 Jan 2026 00:05:00 GMT',
        etag: /^"[\w-]{43}"$/,
        'cache-status': 'larder; fwd=uri-miss; stored; ttl=300',
        'server-timing': /^cache;desc="miss";dur=\d+\.\d\d$/
      })
      t.notOk('age' in cold.headers)

      clock.advance(10.5)
      const warm = await app.inject('/page')
      t.equal(warm.body, 'call 1')
      t.equal(warm.headers['content-type'], cold.headers['content-type'])
      t.match(warm.headers, {
        'cache-control': 'max-age=290',
        expires: 'Thu, 01 Jan 2026 00:05:00 GMT',
        age: '10',
        etag: cold.headers.etag as string,
        'cache-status': 'larder; hit; ttl=290',
        'server-timing': /^cache;desc="hit";dur=\d+\.\d\d$/
      })

      clock.advance(289.6)
      const over = await app.inject('/page')
      t.equal(over.body, 'call 2')
      t.match(String(over.headers['cache-status']), /^larder; fwd=(stale|uri-miss); stored; ttl=300$/)
    })

    t.test('concurrent misses run the handler once', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { app, calls } = await createTestApp(t, 300, async (_request, _reply, call) => {
        await gate.promise
        return `call ${call}`
      }, { store })
      const all = Array.from({ length: 10 }, () => app.inject('/page'))
      await turn()
      gate.resolve()
      const answers = await Promise.all(all)
      t.equal(calls(), 1)
      t.same(new Set(answers.map(({ body }) => body)), new Set(['call 1']))
      t.equal(
        answers.filter(({ headers }) => headers['cache-status'] === 'larder; fwd=uri-miss; collapsed; ttl=300').length,
        9
      )
    })

    t.test('requests that wait for a response which is not stored then run in parallel', async (t) => {
      const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      let running = 0
      const { app, calls } = await createTestApp(t, 300, async (_request, reply, call) => {
        if (++running === 5) gates[1]!.resolve() // all others are in here at once
        await gates[call === 1 ? 0 : 1]!.promise
        return reply.code(404).send('gone')
      }, { store })
      const all = Array.from({ length: 5 }, () => app.inject('/page'))
      while (calls() === 0) await turn()
      await turn()
      gates[0]!.resolve()
      const answers = await Promise.all(all)
      t.equal(calls(), 5)
      const statuses = answers.map(({ headers }) => headers['cache-status']).sort()
      t.same(statuses, [
        ...Array(4).fill('larder; fwd=uri-miss; detail=collapse-refused'), 'larder; fwd=uri-miss; detail=status-404'
      ])
    })

    t.test('a hit has the bytes, headers and ETag of the handler', async (t) => {
      const bytes = Buffer.from([0, 255, 10, 200])
      const { app } = await createTestApp(t, 300, (_request, reply) => reply
        .header('content-type', 'application/octet-stream').header('x-many', ['a', 'b']).header('etag', 'W/"mine"')
        .header('connection', 'x-hop').header('x-hop', '1').header('server-timing', 'db;dur=1')
        .header('age', '7').send(bytes), { store })
      await app.inject('/page')
      const warm = await app.inject('/page')
      t.same(warm.rawPayload, bytes)
      t.match(warm.headers, {
        'content-type': 'application/octet-stream', 'x-many': ['a', 'b'], etag: 'W/"mine"', age: '7'
      })
      t.notOk('x-hop' in warm.headers, 'headers that Connection names are not stored')
      t.notMatch(String(warm.headers['server-timing']), /db/)
    })

    t.test('responses with an empty body and without a body are stored', async (t) => {
      for (const body of ['', undefined]) {
        const { app, calls } = await createTestApp(t, 300, (_request, reply) => reply.send(body), { store })
        await app.inject('/page')
        t.equal((await app.inject('/page')).body, '')
        t.equal(calls(), 1)
      }
    })
  })
}

t.test('If-None-Match gets a 304 on a miss and on a hit', async (t) => {
  const { app, calls } = await createTestApp(t, 300, () => 'same')
  const { headers: { etag } } = await app.inject('/page')
  const warm = await app.inject({ url: '/page', headers: { 'if-none-match': `"x", W/${etag}` } })
  t.equal(warm.statusCode, 304)
  t.equal(warm.body, '')
  t.match(warm.headers, {
    etag: etag as string, 'cache-control': 'max-age=300', 'cache-status': 'larder; hit; ttl=300'
  })
  t.notOk('content-type' in warm.headers)
  const cold = await app.inject({ url: '/page?other', headers: { 'if-none-match': String(etag) } })
  t.equal(cold.statusCode, 304)
  t.equal(cold.body, '')
  t.equal(calls(), 2)
  t.equal((await app.inject('/page?other')).body, 'same', 'the whole page was stored')
  t.equal((await app.inject({ url: '/page', headers: { 'if-none-match': '"x"' } })).statusCode, 200)
})

t.test('responses that HTTP forbids to store are not stored', async (t) => {
  const refusals: Array<[detail: string, handler: Handler, headers?: Record<string, string>]> = [
    ['set-cookie', (_request, reply) => reply.header('set-cookie', 'a=b').send('x')],
    ['private', (_request, reply) => reply.header('cache-control', 'Private').send('x')],
    ['no-store', (_request, reply) => reply.header('cache-control', 'no-store').send('x')],
    ['no-cache', (_request, reply) => reply.header('cache-control', 'no-cache').send('x')],
    ['lifetime-over', (_request, reply) => reply.header('cache-control', 'max-age=0').send('x')],
    ['vary-any', (_request, reply) => reply.header('vary', '*').send('x')],
    ['status-404', (_request, reply) => reply.code(404).send('x')],
    ['status-500', () => { throw new Error('broken') }],
    ['too-large', () => 'x'.repeat(1001)],
    ['authorization', () => 'x', { authorization: 'Basic eDp5' }]
  ]
  for (const [detail, handler, headers] of refusals) {
    const { app, calls } = await createTestApp(t, { ttl: 300, maxBytes: 1000 }, handler)
    for (const call of [1, 2]) {
      const { headers: answer } = await app.inject({ url: '/page', ...headers && { headers } })
      const why = detail === 'authorization' ? 'bypass' : 'uri-miss'
      t.equal(answer['cache-status'], `larder; fwd=${why}; detail=${detail}`)
      t.notMatch(String(answer['cache-control']), /max-age=300/, `${detail}: no life is promised`)
      t.equal(calls(), call, detail)
    }
  }
})

t.test('an error response carries no lifetime and no validator', async (t) => {
  const { app } = await createTestApp(t, 300, () => { throw new Error('broken') })
  t.equal((await app.inject('/page')).headers['cache-control'], 'no-store')
})

t.test('a response that was read uses no more memory than the store counts', async (t) => {
  const { app, store } = await createTestApp(t, 300, () => 'x'.repeat(1000))
  const entries: Entry[] = []
  const { set } = store
  store.set = (key, entry) => { entries.push(entry); return set(key, entry) }
  await app.inject('/page')
  const [entry] = entries
  t.equal(readPage(entry!)!.body.buffer, entry!.payload.buffer, 'its body is a view of the entry')
  t.equal(readPage(entry!)!.body.toString(), 'x'.repeat(1000))
})

t.test('two routes with one URL share no responses', async (t) => {
  const app = Fastify()
  await app.register(pageCache, { cache: createCache({ store: memoryStore() }) })
  for (const version of ['1.0.0', '2.0.0']) {
    app.get('/page', { config: { cachePage: 60 }, constraints: { version } }, async () => version)
  }
  for (const version of ['1.0.0', '2.0.0']) {
    t.equal((await app.inject({ url: '/page', headers: { 'accept-version': version } })).body, version)
  }
})
