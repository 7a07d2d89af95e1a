import { setImmediate as turn } from 'node:timers/promises'
import Fastify from 'fastify'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import t from 'tap'
import { variantKeys } from '../../../src/page-cache/key/variants.ts'
import { startRedis } from '../../support/redis.ts'
import { fakeClock } from '../../support/clock.ts'
import { soak } from '../../support/soak.ts'
import { until } from '../../support/until.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'
import { echo } from '../../support/varying-handler.ts'
import { findColliding, readIndex } from './variant-collisions.ts'
import { createTestApp, sendRequest } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('two variants that share a key both stay, a third replaces the second', async (t) => {
      const { get, cache, storedKeys, calls } = await createTestApp(t, 300, echo, { store: makeStore })
      await get({ 'x-v': 'a' })
      const { primaryKey, index } = await readIndex(cache, storedKeys())
      const values = findColliding(primaryKey, index, 3, { sameSecond: true })
      const bodies: string[] = []
      for (const value of values.slice(0, 2)) bodies.push((await get({ 'x-v': value })).body)
      for (const [i, value] of values.slice(0, 2).entries()) {
        t.match(await get({ 'x-v': value }), { body: bodies[i], status: /^hit/ })
      }
      const third = await get({ 'x-v': values[2]! })
      t.match(third, { body: `"${values[2]}" by 4`, status: 'fwd=vary-miss; stored; ttl=300' })
      t.match(await get({ 'x-v': values[2]! }), { body: third.body, status: /^hit/ })
      t.match(await get({ 'x-v': values[0]! }), { body: bodies[0], status: /^hit/ })
      t.match(await get({ 'x-v': values[1]! }), { body: `"${values[1]}" by 5`, status: /vary-miss/ })
      t.equal(calls(), 5)
    })

    t.test('variants of a list that was not matched share two keys too, and a third replaces the second', async (t) => {
      const { get, cache, storedKeys } = await createTestApp(t, 300, ({ headers }, reply, call) => {
        reply.header('vary', 'x-list')
        return `${headers[String(headers['x-list'])]} by ${call}`
      }, { store: makeStore })
      const getOther = (): unknown => get({ 'x-list': 'x-other', 'x-other': String(Math.random()) })
      await get({ 'x-list': 'x-v', 'x-v': 'a' })
      const { primaryKey, index } = await readIndex(cache, storedKeys())
      const [varyNames] = index.varyLists
      const values = findColliding(primaryKey, index, 3, { varyNames: varyNames!, before: ['x-v'], sameSecond: true })
      const bodies: string[] = []
      for (const value of values) {
        // Another list becomes the latest, so the next request is matched with that one.
        await getOther()
        bodies.push((await get({ 'x-list': 'x-v', 'x-v': value })).body)
      }
      const sent = await Promise.all(values.map((value) => get({ 'x-list': 'x-v', 'x-v': value })))
      t.match(sent[0], { body: bodies[0], status: /^hit/ })
      t.match(sent[1], { body: `${values[1]} by 8`, status: /vary-miss/ })
      t.match(sent[2], { body: bodies[2], status: /^hit/ })
    })

    t.test('concurrent requests for variants that share a key get their own response', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { get, cache, storedKeys, calls } = await createTestApp(t, 300, async (request, reply, call) => {
        if (call > 1) await gate.promise
        return echo(request, reply, call)
      }, { store: makeStore })
      await get({ 'x-v': 'a' })
      const { primaryKey, index } = await readIndex(cache, storedKeys())
      const values = findColliding(primaryKey, index, 3)
      const all = [...values, ...values].map((value) => get({ 'x-v': value }))
      await until('the handler runs', () => calls() > 1)
      await turn()
      gate.resolve()
      for (const [i, { body, statusCode }] of (await Promise.all(all)).entries()) {
        t.equal(statusCode, 200)
        t.match(body, `"${values[i % 3]}" by`)
      }
      for (const value of values) t.match((await get({ 'x-v': value })).body, `"${value}" by`)
    })

    t.test('no request gets the variant of another, in any interleaving', async (t) => {
      const value = fc.constantFrom(undefined, '', 'a', 'b', 'A', 'a,b', 'b,a', 'a, b')
      const request = fc.record({
        a: value, b: value, n: fc.nat(11), list: fc.constantFrom('x-a', 'x-b', 'x-n', 'x-a, x-b', 'X-B, x-a, x-n')
      })
      const { get, cache, storedKeys, clock } = await createTestApp(t, 60, ({ headers }, reply) => {
        reply.header('vary', `x-list, ${headers['x-list']}`)
        return Object.fromEntries(String(headers['x-list']).toLowerCase().split(', ').map((name) => [
          name, headers[name] ?? null
        ]))
      }, { store: makeStore })
      let numbers: string[] = []
      await fc.assert(fc.asyncProperty(fc.array(fc.array(request, { minLength: 1, maxLength: 8 }), {
        minLength: 1, maxLength: 4
      }), async (batches) => {
        for (const batch of batches) {
          const answers = await Promise.all(batch.map(({ a, b, n, list }) => get({
            ...a !== undefined && { 'x-a': a },
            ...b !== undefined && { 'x-b': b },
            'x-n': numbers[n] ?? String(n),
            'x-list': list
          })))
          for (const [i, { a, b, n, list }] of batch.entries()) {
            const all: Record<string, unknown> = { 'x-a': a ?? null, 'x-b': b ?? null, 'x-n': numbers[n] ?? String(n) }
            const expected = Object.fromEntries(list.toLowerCase().split(', ').map((name) => [name, all[name]]))
            // White space around the elements of a list means nothing.
            const body = answers[i]!.body.replaceAll(', ', ',')
            if (body !== JSON.stringify(expected).replaceAll(
              ', ', ','
            )) throw new Error(`asked ${JSON.stringify(batch[i])}, got ${body}`)
          }
        }
        clock.advance(7)
        // From the second round on, numbers that share their places.
        const { primaryKey, index } = await readIndex(cache, storedKeys())
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
  })
}

t.test('processes that share a Redis share variants, and run the handler once for each', async (t) => {
  const { url } = await startRedis(t)
  const clock = fakeClock()
  const gate = Promise.withResolvers<void>()
  let calls = 0
  const make = async () => await createTestApp(t, 300, async (request, reply) => {
    calls++
    await gate.promise
    return echo(request, reply, calls)
  }, {
    store: (t, now) => {
      const client = new Redis(url)
      t.teardown(() => client.disconnect())
      return patientRedisStore({ client, now })
    },
    clock,
    app: Fastify()
  })
  const sites = [await make(), await make()]
  const values = Array.from({ length: 12 }, (_, i) => 'abc'[i % 3]!)
  const all = values.map((value, i) => sites[i % 2]!.get({ 'x-v': value }))
  await until('the handler runs', () => calls === 1)
  await Promise.all(sites.map(({ listener }) => listener.heard('miss', 6)))
  gate.resolve()
  for (const [i, { body }] of (await Promise.all(all)).entries()) t.match(body, `"${values[i]}" by`)
  t.equal(calls, 3)
  for (const { app } of sites) {
    for (const value of ['a', 'b', 'c']) {
      t.match(await sendRequest(app, { url: '/page', headers: { 'x-v': value } }), { body: `"${value}" by`, status: /^hit/ })
    }
  }

  const { primaryKey, index } = await readIndex(sites[0]!.cache, sites.flatMap(({ storedKeys }) => storedKeys()))
  const together = findColliding(primaryKey, index, 4, { sameSecond: true })
  const bodies = await Promise.all([
    ...together, ...together
  ].map((value, i) => sites[i % 2]!.get({ 'x-v': value })))
  for (const [i, { body }] of bodies.entries()) t.match(body, `"${together[i % 4]}" by`)
})
