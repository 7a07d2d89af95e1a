import { setImmediate as turn } from 'node:timers/promises'
import Fastify from 'fastify'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import t from 'tap'
import { isMiss } from '../../../src/cache/index.ts'
import { variantKeys } from '../../../src/page-cache/key/variants.ts'
import { startRedis } from '../../support/redis.ts'
import { fakeClock } from '../../support/clock.ts'
import { soak } from '../../support/soak.ts'
import { until } from '../../support/until.ts'
import { ask, type Handler, site } from '../site.ts'
import { pageStores } from '../stores.ts'
import { findColliding, readIndex } from './variant-collisions.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'

const stores = await pageStores(t)

/** A handler that sends the value of `x-v`, and says that its response varies by it. */
const echo: Handler = (request, reply, call) => {
  return reply.header('vary', 'x-v').send(`${JSON.stringify(request.headers['x-v'])} by ${call}`)
}

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('a response with Vary is stored once for each value', async (t) => {
      const { app, calls } = await site(t, makeStore, 300, echo)
      t.match(await ask(app, { 'x-v': 'a' }), {
        body: '"a" by 1', status: 'larder; fwd=uri-miss; stored; ttl=300', headers: { vary: 'x-v' }
      })
      t.match(await ask(app, { 'x-v': 'b' }), { body: '"b" by 2', status: 'larder; fwd=vary-miss; stored; ttl=300' })
      t.match(await ask(app, { 'x-v': 'a' }), {
        body: '"a" by 1', status: 'larder; hit; ttl=300', headers: { vary: 'x-v' }
      })
      t.match(await ask(app, { 'x-v': 'b' }), { body: '"b" by 2', status: 'larder; hit; ttl=300' })
      t.equal(calls(), 2)
    })

    t.test('equivalent values share a variant, an absent and an empty header do not', async (t) => {
      const { app, calls } = await site(t, makeStore, 300, (request, reply, call) => {
        return reply.header('vary', 'Accept-Encoding, x-v').send(`call ${call} ${request.headers['x-v']}`)
      })
      const first = await ask(app, { 'accept-encoding': 'gzip, br;q=0.5' })
      t.equal((await ask(app, { 'accept-encoding': ' br ; q=0.5 ,GZIP' })).body, first.body)
      t.equal(calls(), 1)
      t.equal((await ask(app, { 'accept-encoding': 'gzip, br;q=0.5', 'x-v': '' })).body, 'call 2 ')
      t.equal((await ask(app, { 'accept-encoding': 'gzip, br;q=0.5', 'x-v': ' ' })).body, 'call 2 ')
      t.equal((await ask(app, { 'accept-encoding': 'gzip, br;q=0.5' })).body, first.body)
      t.equal(calls(), 2)
    })

    t.test('variants of the last four Vary lists are found, the most recent list first', async (t) => {
      // Varies by `x-list`, and by the headers that it lists.
      const { app, cache, kept, calls } = await site(t, makeStore, 300, (request, reply, call) => {
        const by = String(request.headers['x-list'])
        return reply.header('vary', `x-list, ${by}`).send(`${by} ${request.headers[by]} by ${call}`)
      })
      const lists = ['x-a', 'x-b', 'x-c', 'x-d']
      for (const [i, by] of lists.entries()) {
        t.match(await ask(app, { 'x-list': by, [by]: '1' }), {
          body: `${by} 1 by ${i + 1}`, status: i === 0 ? /uri-miss/ : /vary-miss/
        })
      }
      for (const [i, by] of lists.entries()) {
        t.match(await ask(app, { 'x-list': by, [by]: '1' }), { body: `${by} 1 by ${i + 1}`, status: /; hit/ })
      }
      const { index } = await readIndex(cache, kept())
      t.strictSame(index.varyLists.map(([by]) => by), ['x-d', 'x-c', 'x-b', 'x-a'])

      await ask(app, { 'x-list': 'x-a', 'x-a': '2' })
      const later = (await readIndex(cache, kept())).index
      t.strictSame(later, {
        ...index, varyLists: [index.varyLists[3], ...index.varyLists.slice(0, 3)]
      }, 'the latest is tried first')

      await ask(app, { 'x-list': 'x-e', 'x-e': '1' })
      t.equal((await readIndex(cache, kept())).index.varyLists.length, 4)
      const ran = calls()
      t.match(await ask(app, { 'x-list': 'x-a', 'x-a': '2' }), { status: /; hit/ })
      t.match(await ask(app, { 'x-list': 'x-b', 'x-b': '1' }), {
        body: `x-b 1 by ${ran + 1}`, status: /vary-miss/
      }, 'the one that was the latest longest ago is forgotten')
    })

    t.test('of several matching variants the one of the most recent Vary list is served', async (t) => {
      const lists = ['x-a', 'x-b']
      const { app, cache, calls } = await site(t, makeStore, { ttl: 300, tags: ['menu'] }, (request, reply, call) => {
        return reply.header('vary', lists[call - 1] ?? 'x-b').send(`call ${call}`)
      })
      await ask(app)
      await ask(app, { 'x-a': '2', 'x-b': '2' })
      t.equal((await ask(app, { 'x-b': '2' })).body, 'call 2')
      t.equal((await ask(app)).body, 'call 1')
      await cache.invalidateTags(['menu'])
      t.equal((await ask(app)).body, 'call 3')
      t.equal((await ask(app)).body, 'call 3')
      t.equal(calls(), 3)
    })

    t.test('a response is found if the URL begins or stops to vary', async (t) => {
      const { app } = await site(t, makeStore, 300, (_request, reply, call) => {
        if (call === 1) reply.header('vary', 'x-v')
        return `call ${call}`
      })
      t.equal((await ask(app, { 'x-v': 'a' })).body, 'call 1')
      t.equal((await ask(app, { 'x-v': 'b' })).body, 'call 2')
      t.equal((await ask(app, { 'x-v': 'c' })).body, 'call 2')
    })

    t.test('two variants that share a key both stay, a third replaces the second', async (t) => {
      const { app, cache, kept, calls } = await site(t, makeStore, 300, echo)
      await ask(app, { 'x-v': 'a' })
      const { primaryKey, index } = await readIndex(cache, kept())
      const values = findColliding(primaryKey, index, 3, { sameSecond: true })
      const bodies: string[] = []
      for (const value of values.slice(0, 2)) bodies.push((await ask(app, { 'x-v': value })).body)
      for (const [i, value] of values.slice(0, 2).entries()) {
        t.match(await ask(app, { 'x-v': value }), { body: bodies[i], status: /; hit/ })
      }
      const third = await ask(app, { 'x-v': values[2]! })
      t.match(third, { body: `"${values[2]}" by 4`, status: 'larder; fwd=vary-miss; stored; ttl=300' })
      t.match(await ask(app, { 'x-v': values[2]! }), { body: third.body, status: /; hit/ })
      t.match(await ask(app, { 'x-v': values[0]! }), { body: bodies[0], status: /; hit/ })
      t.match(await ask(app, { 'x-v': values[1]! }), { body: `"${values[1]}" by 5`, status: /vary-miss/ })
      t.equal(calls(), 5)
    })

    t.test('concurrent requests for variants that share a key get their own response', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { app, cache, kept, calls } = await site(t, makeStore, 300, async (request, reply, call) => {
        if (call > 1) await gate.promise
        return echo(request, reply, call)
      })
      await ask(app, { 'x-v': 'a' })
      const { primaryKey, index } = await readIndex(cache, kept())
      const values = findColliding(primaryKey, index, 3)
      const all = [...values, ...values].map((value) => ask(app, { 'x-v': value }))
      await until('the handler runs', () => calls() > 1)
      await turn()
      gate.resolve()
      for (const [i, { body, statusCode }] of (await Promise.all(all)).entries()) {
        t.equal(statusCode, 200)
        t.match(body, `"${values[i % 3]}" by`)
      }
      for (const value of values) t.match((await ask(app, { 'x-v': value })).body, `"${value}" by`)
    })

    t.test('a stale response of another variant is never served', async (t) => {
      let failing = false
      const { app, cache, clock, kept } = await site(t, makeStore, {
        ttl: 10, staleIfError: 1000, staleWhileRevalidate: 1000
      }, (request, reply, call) => {
        return failing ? reply.code(503).send('sorry') : echo(request, reply, call)
      })
      await ask(app, { 'x-v': 'a' })
      const { primaryKey, index } = await readIndex(cache, kept())
      const [one, other] = findColliding(primaryKey, index, 2) as [string, string]
      await ask(app, { 'x-v': one })
      clock.advance(11)
      t.match(await ask(app, { 'x-v': other }), {
        body: `"${other}" by 3`, status: 'larder; fwd=vary-miss; stored; ttl=10'
      })
      clock.advance(11)
      failing = true
      t.match(await ask(app, { 'x-v': one }), { statusCode: 503, body: 'sorry' })
      t.match(await ask(app, { 'x-v': other }), { statusCode: 200, body: `"${other}" by 3` })
    })

    t.test('ten requests for three variants of a cold page run the handler three times', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { app, calls, listener } = await site(t, makeStore, 300, async (request, reply, call) => {
        if (call === 1) await gate.promise
        return echo(request, reply, call)
      })
      const values = Array.from({ length: 10 }, (_, i) => 'abc'[i % 3]!)
      const all = values.map((value) => ask(app, { 'x-v': value }))
      await listener.heard('miss', 10)
      gate.resolve()
      for (const [i, { body }] of (await Promise.all(all)).entries()) t.match(body, `"${values[i]}" by`)
      t.equal(calls(), 3)
    })

    t.test('the index of variants outlives its variants, which extend it', async (t) => {
      const { app, cache, clock, kept, calls } = await site(t, makeStore, 10, echo)
      await ask(app, { 'x-v': 'a' })
      const { primaryKey, index } = await readIndex(cache, kept())
      for (let i = 0; i < 6; i++) {
        clock.advance(9)
        await ask(app, { 'x-v': `b${i}` })
        await until('it was prolonged', async () => (await cache.ttl(primaryKey))! >= 10)
      }
      t.equal((await ask(app, { 'x-v': 'b5' })).status, 'larder; hit; ttl=10')
      t.equal(calls(), 7)
      t.strictSame((await readIndex(cache, kept())).index, index)
      t.equal(kept().filter((key) => key === primaryKey).length, 1, 'it was written once')
      clock.advance(21)
      t.match((await ask(app, { 'x-v': 'b5' })).body, '"b5" by 8')
      t.not((await readIndex(cache, kept())).index.generation, index.generation)
    })

    t.test('after a deletion no earlier variant is found again', async (t) => {
      const { app, cache, kept } = await site(t, makeStore, 300, echo)
      await ask(app, { 'x-v': 'a' })
      await ask(app, { 'x-v': 'b' })
      const { primaryKey } = await readIndex(cache, kept())
      await app.inject({ method: 'POST', url: '/page' })
      t.match(await ask(app, { 'x-v': 'b' }), { body: '"b" by 3', status: /uri-miss/ })
      t.match(await ask(app, { 'x-v': 'a' }), { body: '"a" by 4', status: /vary-miss/ })
      await cache.delete(primaryKey)
      t.match(await ask(app, { 'x-v': 'a' }), { body: '"a" by 5', status: /uri-miss/ })
    })

    t.test('a response begun before a deletion does not restore earlier variants', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { app, calls } = await site(t, makeStore, 300, async (request, reply, call) => {
        if (call !== 2) return echo(request, reply, call)
        await gate.promise
        return reply.header('vary', 'x-v, x-w').send('late')
      })
      await ask(app, { 'x-v': 'a' })
      const late = ask(app, { 'x-v': 'b' })
      await until('it has begun', () => calls() === 2)
      await app.inject({ method: 'POST', url: '/page' })
      gate.resolve()
      t.equal((await late).body, 'late')
      t.match(await ask(app, { 'x-v': 'a' }), { body: '"a" by 3' })
      t.match(await ask(app, { 'x-v': 'b' }), { body: '"b" by 4' })
    })

    t.test('HEAD is served from the variants of GET, or else from its own', async (t) => {
      const { app, calls } = await site(t, makeStore, 300, echo)
      const head = async (value: string) => {
        const { headers } = await app.inject({ method: 'HEAD', url: '/page', headers: { 'x-v': value } })
        return [headers['cache-status'], headers['content-length']]
      }
      await ask(app, { 'x-v': 'a' })
      t.strictSame(await head('a'), ['larder; hit; ttl=300', '8'])
      t.strictSame(await head('bb'), ['larder; fwd=uri-miss; stored; ttl=300', '9'])
      t.strictSame(await head('bb'), ['larder; hit; ttl=300', '9'])
      t.strictSame(await head('ccc'), ['larder; fwd=vary-miss; stored; ttl=300', '10'])
      t.strictSame(await head('bb'), ['larder; hit; ttl=300', '9'])
      t.equal(calls(), 3)
      t.match((await ask(app, { 'x-v': 'bb' })).body, '"bb" by 4')
    })

    t.test('each variant is revalidated separately', async (t) => {
      const { app, clock, listener, calls } = await site(t, makeStore, { ttl: 10, staleWhileRevalidate: 100 }, echo)
      await ask(app, { 'x-v': 'a' })
      await ask(app, { 'x-v': 'b' })
      await listener.heard('set', 3)
      clock.advance(11)
      t.match(await ask(app, { 'x-v': 'b' }), {
        body: '"b" by 2', status: 'larder; hit; ttl=-1; detail=stale-while-revalidate'
      })
      await listener.heard('set', 4)
      t.match(await ask(app, { 'x-v': 'b' }), { body: '"b" by 3', status: 'larder; hit; ttl=10' })
      t.match(await ask(app, { 'x-v': 'a' }), { body: '"a" by 1', status: /stale-while-revalidate/ })
      await listener.heard('set', 5)
      t.match(await ask(app, { 'x-v': 'a' }), { body: '"a" by 4', status: 'larder; hit; ttl=10' })
      t.equal(calls(), 4)
    })

    t.test('no request gets the variant of another, in any interleaving', async (t) => {
      const value = fc.constantFrom(undefined, '', 'a', 'b', 'A', 'a,b', 'b,a', 'a, b')
      const request = fc.record({
        a: value, b: value, n: fc.nat(11), list: fc.constantFrom('x-a', 'x-b', 'x-n', 'x-a, x-b', 'X-B, x-a, x-n')
      })
      const { app, cache, kept, clock } = await site(t, makeStore, 60, ({ headers }, reply) => {
        reply.header('vary', `x-list, ${headers['x-list']}`)
        return Object.fromEntries(String(headers['x-list']).toLowerCase().split(', ').map((name) => [
          name, headers[name] ?? null
        ]))
      })
      let numbers: string[] = []
      await fc.assert(fc.asyncProperty(fc.array(fc.array(request, { minLength: 1, maxLength: 8 }), {
        minLength: 1, maxLength: 4
      }), async (batches) => {
        for (const batch of batches) {
          const answers = await Promise.all(batch.map(({ a, b, n, list }) => ask(app, {
            ...a !== undefined && { 'x-a': a },
            ...b !== undefined && { 'x-b': b },
            'x-n': numbers[n] ?? String(n),
            'x-list': list
          })))
          for (const [i, { a, b, n, list }] of batch.entries()) {
            const all: Record<string, unknown> = { 'x-a': a ?? null, 'x-b': b ?? null, 'x-n': numbers[n] ?? String(n) }
            const expected = Object.fromEntries(list.toLowerCase().split(', ').map((name) => [name, all[name]]))
            // White space around the elements of a list means nothing.
            const told = answers[i]!.body.replaceAll(', ', ',')
            if (told !== JSON.stringify(expected).replaceAll(
              ', ', ','
            )) throw new Error(`asked ${JSON.stringify(batch[i])}, got ${told}`)
          }
        }
        clock.advance(7)
        // From the second round on, numbers that share their places.
        const { primaryKey, index } = await readIndex(cache, kept())
        const list = index.varyLists.find(([first, ...others]) => first === 'x-list' && others.join() === 'x-n')
        if (list !== undefined) {
          const places = new Map<string, string[]>()
          for (let i = 0; i < 1000; i++) {
            const [first] = variantKeys(primaryKey, index.generation, {
              varyNames: list, varyValues: ['x-n', String(i)]
            })
            places.set(first, [...places.get(first) ?? [], String(i)])
          }
          numbers = [
            ...places.values()
          ].sort((a, b) => b.length - a.length).slice(0, 2).flatMap((values) => values.slice(0, 6))
        }
      }), { numRuns: soak(60, 15) })
      t.ok(numbers.length > 6, 'places were shared')
    })

    t.test('the options vary and key select variants', async (t) => {
      const { app, calls } = await site(t, makeStore, {
        ttl: 300, vary: ['X-V'], key: (request) => String(request.headers['x-tenant']).toLowerCase()
      }, (request, _reply, call) => {
        return `${request.headers['x-tenant']} by ${call}`
      })
      t.match(await ask(app, { 'x-tenant': 'One', 'x-v': 'a' }), {
        body: 'One by 1', headers: { vary: 'x-v, x-tenant' }
      })
      t.match(await ask(app, { 'x-tenant': 'ONE', 'x-v': 'a' }), {
        body: 'One by 1', status: /; hit/, headers: { vary: 'x-v, x-tenant' }
      })
      t.match(await ask(app, { 'x-tenant': 'one', 'x-v': 'b' }), { body: 'one by 2', status: /vary-miss/ })
      t.match(await ask(app, { 'x-tenant': 'two', 'x-v': 'b' }), { body: 'two by 3', status: /vary-miss/ })
      t.match(await ask(app, { 'x-v': 'b' }), { body: 'undefined by 4', status: /vary-miss/ })
      t.equal(calls(), 4)
    })
  })
}

t.test('a response with Vary: * is not stored, and waiting requests run the handler themselves', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { app, calls, listener } = await site(t, stores.memory!, 300, async (_request, reply, call) => {
    if (call === 1) await gate.promise
    return reply.header('vary', '*').send(`call ${call}`)
  })
  const all = [ask(app), ask(app), ask(app)]
  await listener.heard('miss', 3)
  gate.resolve()
  t.strictSame((await Promise.all(all)).map(({ body }) => body), ['call 1', 'call 2', 'call 3'])
  t.equal((await ask(app)).status, 'larder; fwd=uri-miss; detail=vary-any')
  t.equal(calls(), 4)
})

t.test('a response may vary by names that every object has, like constructor', async (t) => {
  const { app, calls } = await site(t, stores.memory!, 300, (_request, reply, call) =>
    reply.header('vary', 'constructor, __proto__, toString, #key').send(`call ${call}`))
  for (const status of [/uri-miss; stored/, /; hit/]) {
    t.match(await ask(app), { statusCode: 200, body: 'call 1', status })
  }
  t.match(await ask(app, { constructor: 'x' }), { body: 'call 2' })
  t.match(await ask(app, { '#key': 'x' }), { body: 'call 3' })
  t.match(await ask(app, { '#key': 'y' }), { body: 'call 4' })
  t.match(await ask(app), { body: 'call 1' })
  t.equal(calls(), 4)
})

t.test('a response that is stored elsewhere does not wait for another request\'s load', async (t) => {
  for (const vary of ['', 'x-v']) {
    for (const [name, makeStore] of Object.entries(stores)) {
      const gate = Promise.withResolvers<void>()
      const { app, calls } = await site(t, makeStore, 300, async (request, reply, call) => {
        if (call === 2) await gate.promise
        if (call > 1) reply.header('x-call', call)
        return reply.header('vary', vary).header('cache-control', 'public').send(`call ${call}`)
      })
      await ask(app)
      await app.inject({ method: 'POST', url: '/page' })
      const leader = ask(app)
      await until('it runs', () => calls() === 2)
      t.match(await ask(app, { authorization: 'Basic eDp5' }), { body: 'call 3' }, `${name} ${vary}`)
      gate.resolve()
      t.equal((await leader).body, 'call 2')
    }
  }
})

t.test('processes that share a Redis share variants, and run the handler once for each', async (t) => {
  const { url } = await startRedis(t)
  const clock = fakeClock()
  const gate = Promise.withResolvers<void>()
  let calls = 0
  const make = async () => await site(t, (t, now) => {
    const client = new Redis(url)
    t.teardown(() => client.disconnect())
    return patientRedisStore({ client, now })
  }, 300, async (request, reply) => {
    calls++
    await gate.promise
    return echo(request, reply, calls)
  }, { clock, app: Fastify() })
  const sites = [await make(), await make()]
  const values = Array.from({ length: 12 }, (_, i) => 'abc'[i % 3]!)
  const all = values.map((value, i) => ask(sites[i % 2]!.app, { 'x-v': value }))
  await until('the handler runs', () => calls === 1)
  await Promise.all(sites.map(({ listener }) => listener.heard('miss', 6)))
  gate.resolve()
  for (const [i, { body }] of (await Promise.all(all)).entries()) t.match(body, `"${values[i]}" by`)
  t.equal(calls, 3)
  for (const { app } of sites) {
    for (const value of ['a', 'b', 'c']) {
      t.match(await ask(app, { 'x-v': value }), { body: `"${value}" by`, status: /; hit/ })
    }
  }

  const { primaryKey, index } = await readIndex(sites[0]!.cache, sites.flatMap(({ kept }) => kept()))
  const together = findColliding(primaryKey, index, 4, { sameSecond: true })
  const bodies = await Promise.all([
    ...together, ...together
  ].map((value, i) => ask(sites[i % 2]!.app, { 'x-v': value })))
  for (const [i, { body }] of bodies.entries()) t.match(body, `"${together[i % 4]}" by`)
})

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`a variant emits one load event, its index none, on ${name}`, async (t) => {
    const clock = fakeClock()
    const { app, cache, listener } = await site(t, makeStore, 60, (request, reply, call) => {
      clock.advance(2)
      return echo(request, reply, call)
    }, { clock })
    for (const value of ['a', 'b']) await ask(app, { 'x-v': value })
    for (const value of ['a', 'b']) {
      t.match(await app.explainPage({ url: '/page', headers: { 'x-v': value } }), { page: { loadTook: 2 } })
    }
    const { primaryKey } = await readIndex(cache, listener.events.filter(({ type }) => type === 'set').map(({ key }) =>
      String(key)))
    const marker = await cache.peek(primaryKey)
    t.equal(isMiss(marker) ? NaN : marker.loadMs, undefined)
    t.match(listener.events.filter(({ type }) => type === 'load'), [{ ms: 2000 }, { ms: 2000 }])
    t.equal(listener.events.filter(({ type }) => type === 'load').length, 2)
  })
}
