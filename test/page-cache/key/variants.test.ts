import t from 'tap'
import { isMiss } from '../../../src/cache/index.ts'
import { fakeClock } from '../../support/clock.ts'
import { until } from '../../support/until.ts'
import { echo } from '../../support/varying-handler.ts'
import { findColliding, readIndex } from './variant-collisions.ts'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('a response with Vary is stored once for each value', async (t) => {
      const { get, calls } = await createTestApp(t, 300, echo, { store: makeStore })
      t.match(await get({ 'x-v': 'a' }), {
        body: '"a" by 1', status: 'fwd=uri-miss; stored; ttl=300', headers: { vary: 'x-v' }
      })
      t.match(await get({ 'x-v': 'b' }), { body: '"b" by 2', status: 'fwd=vary-miss; stored; ttl=300' })
      t.match(await get({ 'x-v': 'a' }), {
        body: '"a" by 1', status: 'hit; ttl=300', headers: { vary: 'x-v' }
      })
      t.match(await get({ 'x-v': 'b' }), { body: '"b" by 2', status: 'hit; ttl=300' })
      t.equal(calls(), 2)
    })

    t.test('equivalent values share a variant, an absent and an empty header do not', async (t) => {
      const { get, calls } = await createTestApp(t, 300, (request, reply, call) => {
        return reply.header('vary', 'Accept-Encoding, x-v').send(`call ${call} ${request.headers['x-v']}`)
      }, { store: makeStore })
      const first = await get({ 'accept-encoding': 'gzip, br;q=0.5' })
      t.equal((await get({ 'accept-encoding': ' br ; q=0.5 ,GZIP' })).body, first.body)
      t.equal(calls(), 1)
      t.equal((await get({ 'accept-encoding': 'gzip, br;q=0.5', 'x-v': '' })).body, 'call 2 ')
      t.equal((await get({ 'accept-encoding': 'gzip, br;q=0.5', 'x-v': ' ' })).body, 'call 2 ')
      t.equal((await get({ 'accept-encoding': 'gzip, br;q=0.5' })).body, first.body)
      t.equal(calls(), 2)
    })

    t.test('a response is found if the URL begins or stops to vary', async (t) => {
      const { get } = await createTestApp(t, 300, (_request, reply, call) => {
        if (call === 1) reply.header('vary', 'x-v')
        return `call ${call}`
      }, { store: makeStore })
      t.equal((await get({ 'x-v': 'a' })).body, 'call 1')
      t.equal((await get({ 'x-v': 'b' })).body, 'call 2')
      t.equal((await get({ 'x-v': 'c' })).body, 'call 2')
    })

    t.test('a stale response of another variant is never served', async (t) => {
      let failing = false
      const { get, cache, clock, storedKeys } = await createTestApp(t, {
        ttl: 10, staleIfError: 1000, staleWhileRevalidate: 1000
      }, (request, reply, call) => {
        return failing ? reply.code(503).send('sorry') : echo(request, reply, call)
      }, { store: makeStore })
      await get({ 'x-v': 'a' })
      const { primaryKey, index } = await readIndex(cache, storedKeys())
      const [one, other] = findColliding(primaryKey, index, 2) as [string, string]
      await get({ 'x-v': one })
      clock.advance(11)
      t.match(await get({ 'x-v': other }), {
        body: `"${other}" by 3`, status: 'fwd=vary-miss; stored; ttl=10'
      })
      clock.advance(11)
      failing = true
      t.match(await get({ 'x-v': one }), { statusCode: 503, body: 'sorry' })
      t.match(await get({ 'x-v': other }), { statusCode: 200, body: `"${other}" by 3` })
    })

    t.test('ten requests for three variants of a cold page run the handler three times', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { get, calls, listener } = await createTestApp(t, 300, async (request, reply, call) => {
        if (call === 1) await gate.promise
        return echo(request, reply, call)
      }, { store: makeStore })
      const values = Array.from({ length: 10 }, (_, i) => 'abc'[i % 3]!)
      const all = values.map((value) => get({ 'x-v': value }))
      await listener.heard('miss', 10)
      gate.resolve()
      for (const [i, { body }] of (await Promise.all(all)).entries()) t.match(body, `"${values[i]}" by`)
      t.equal(calls(), 3)
    })

    t.test('HEAD is served from the variants of GET, or else from its own', async (t) => {
      const { app, get, calls } = await createTestApp(t, 300, echo, { store: makeStore })
      const head = async (value: string) => {
        const { headers } = await app.inject({ method: 'HEAD', url: '/page', headers: { 'x-v': value } })
        return [headers['cache-status'], headers['content-length']]
      }
      await get({ 'x-v': 'a' })
      t.strictSame(await head('a'), ['larder; hit; ttl=300', '8'])
      t.strictSame(await head('bb'), ['larder; fwd=uri-miss; stored; ttl=300', '9'])
      t.strictSame(await head('bb'), ['larder; hit; ttl=300', '9'])
      t.strictSame(await head('ccc'), ['larder; fwd=vary-miss; stored; ttl=300', '10'])
      t.strictSame(await head('bb'), ['larder; hit; ttl=300', '9'])
      t.equal(calls(), 3)
      t.match((await get({ 'x-v': 'bb' })).body, '"bb" by 4')
    })

    t.test('each variant is revalidated separately', async (t) => {
      const { get, clock, listener, calls } = await createTestApp(t, { ttl: 10, staleWhileRevalidate: 100 }, echo, {
        store: makeStore
      })
      await get({ 'x-v': 'a' })
      await get({ 'x-v': 'b' })
      await listener.heard('set', 3)
      clock.advance(11)
      t.match(await get({ 'x-v': 'b' }), {
        body: '"b" by 2', status: 'hit; ttl=-1; detail=stale-while-revalidate'
      })
      await listener.heard('set', 4)
      t.match(await get({ 'x-v': 'b' }), { body: '"b" by 3', status: 'hit; ttl=10' })
      t.match(await get({ 'x-v': 'a' }), { body: '"a" by 1', status: /stale-while-revalidate/ })
      await listener.heard('set', 5)
      t.match(await get({ 'x-v': 'a' }), { body: '"a" by 4', status: 'hit; ttl=10' })
      t.equal(calls(), 4)
    })

    t.test('the options vary and key select variants', async (t) => {
      const { get, calls } = await createTestApp(t, {
        ttl: 300, vary: ['X-V'], key: (request) => String(request.headers['x-tenant']).toLowerCase()
      }, (request, _reply, call) => {
        return `${request.headers['x-tenant']} by ${call}`
      }, { store: makeStore })
      t.match(await get({ 'x-tenant': 'One', 'x-v': 'a' }), {
        body: 'One by 1', headers: { vary: 'x-v, x-tenant' }
      })
      t.match(await get({ 'x-tenant': 'ONE', 'x-v': 'a' }), {
        body: 'One by 1', status: /^hit/, headers: { vary: 'x-v, x-tenant' }
      })
      t.match(await get({ 'x-tenant': 'one', 'x-v': 'b' }), { body: 'one by 2', status: /vary-miss/ })
      t.match(await get({ 'x-tenant': 'two', 'x-v': 'b' }), { body: 'two by 3', status: /vary-miss/ })
      t.match(await get({ 'x-v': 'b' }), { body: 'undefined by 4', status: /vary-miss/ })
      t.equal(calls(), 4)
    })
  })
}

t.test('a response with Vary: * is not stored, and waiting requests run the handler themselves', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { get, calls, listener } = await createTestApp(t, 300, async (_request, reply, call) => {
    if (call === 1) await gate.promise
    return reply.header('vary', '*').send(`call ${call}`)
  })
  const all = [get(), get(), get()]
  await listener.heard('miss', 3)
  gate.resolve()
  t.strictSame((await Promise.all(all)).map(({ body }) => body), ['call 1', 'call 2', 'call 3'])
  t.equal((await get()).status, 'fwd=uri-miss; detail=vary-any')
  t.equal(calls(), 4)
})

t.test('a response may vary by names that every object has, like constructor', async (t) => {
  const { get, calls } = await createTestApp(t, 300, (_request, reply, call) =>
    reply.header('vary', 'constructor, __proto__, toString, #key').send(`call ${call}`))
  for (const status of [/uri-miss; stored/, /^hit/]) {
    t.match(await get(), { statusCode: 200, body: 'call 1', status })
  }
  t.match(await get({ constructor: 'x' }), { body: 'call 2' })
  t.match(await get({ '#key': 'x' }), { body: 'call 3' })
  t.match(await get({ '#key': 'y' }), { body: 'call 4' })
  t.match(await get(), { body: 'call 1' })
  t.equal(calls(), 4)
})

t.test('a response that is stored elsewhere does not wait for another request\'s load', async (t) => {
  for (const vary of ['', 'x-v']) {
    for (const [name, makeStore] of Object.entries(stores)) {
      const gate = Promise.withResolvers<void>()
      const { app, get, calls } = await createTestApp(t, 300, async (request, reply, call) => {
        if (call === 2) await gate.promise
        if (call > 1) reply.header('x-call', call)
        return reply.header('vary', vary).header('cache-control', 'public').send(`call ${call}`)
      }, { store: makeStore })
      await get()
      await app.inject({ method: 'POST', url: '/page' })
      const leader = get()
      await until('it runs', () => calls() === 2)
      t.match(await get({ authorization: 'Basic eDp5' }), { body: 'call 3' }, `${name} ${vary}`)
      gate.resolve()
      t.equal((await leader).body, 'call 2')
    }
  }
})

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`a variant emits one load event, its index none, on ${name}`, async (t) => {
    const clock = fakeClock()
    const { app, get, cache, listener } = await createTestApp(t, 60, (request, reply, call) => {
      clock.advance(2)
      return echo(request, reply, call)
    }, { store: makeStore, clock })
    for (const value of ['a', 'b']) await get({ 'x-v': value })
    for (const value of ['a', 'b']) {
      t.match(await app.larder.explain({ url: '/page', headers: { 'x-v': value } }), { page: { loadTook: 2 } })
    }
    const { primaryKey } = await readIndex(cache, listener.events.filter(({ type }) => type === 'set').map(({ key }) =>
      String(key)))
    const marker = await cache.peek(primaryKey)
    t.equal(isMiss(marker) ? NaN : marker.loadMs, undefined)
    t.match(listener.events.filter(({ type }) => type === 'load'), [{ ms: 2000 }, { ms: 2000 }])
    t.equal(listener.events.filter(({ type }) => type === 'load').length, 2)
  })
}
