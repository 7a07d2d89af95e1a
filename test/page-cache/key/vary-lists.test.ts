import t from 'tap'
import { until } from '../../support/until.ts'
import { echo } from '../../support/varying-handler.ts'
import { readIndex } from './variant-collisions.ts'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, makeStore] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('variants of the last four Vary lists are found, the most recent list first', async (t) => {
      // Varies by `x-list`, and by the headers that it lists.
      const { get, cache, storedKeys, calls } = await createTestApp(t, 300, (request, reply, call) => {
        const by = String(request.headers['x-list'])
        return reply.header('vary', `x-list, ${by}`).send(`${by} ${request.headers[by]} by ${call}`)
      }, { store: makeStore })
      const lists = ['x-a', 'x-b', 'x-c', 'x-d']
      for (const [i, by] of lists.entries()) {
        t.match(await get({ 'x-list': by, [by]: '1' }), {
          body: `${by} 1 by ${i + 1}`, status: i === 0 ? /uri-miss/ : /vary-miss/
        })
      }
      for (const [i, by] of lists.entries()) {
        t.match(await get({ 'x-list': by, [by]: '1' }), { body: `${by} 1 by ${i + 1}`, status: /^hit/ })
      }
      const { index } = await readIndex(cache, storedKeys())
      t.strictSame(index.varyLists.map(([by]) => by), ['x-d', 'x-c', 'x-b', 'x-a'])

      await get({ 'x-list': 'x-a', 'x-a': '2' })
      const later = (await readIndex(cache, storedKeys())).index
      t.strictSame(later, {
        ...index, varyLists: [index.varyLists[3], ...index.varyLists.slice(0, 3)]
      }, 'the latest is tried first')

      await get({ 'x-list': 'x-e', 'x-e': '1' })
      t.equal((await readIndex(cache, storedKeys())).index.varyLists.length, 4)
      const ran = calls()
      t.match(await get({ 'x-list': 'x-a', 'x-a': '2' }), { status: /^hit/ })
      t.match(await get({ 'x-list': 'x-b', 'x-b': '1' }), {
        body: `x-b 1 by ${ran + 1}`, status: /vary-miss/
      }, 'the one that was the latest longest ago is forgotten')
    })

    t.test('of several matching variants the one of the most recent Vary list is served', async (t) => {
      const lists = ['x-a', 'x-b']
      const { get, cache, calls } = await createTestApp(t, { ttl: 300, tags: ['menu'] }, (request, reply, call) => {
        return reply.header('vary', lists[call - 1] ?? 'x-b').send(`call ${call}`)
      }, { store: makeStore })
      await get()
      await get({ 'x-a': '2', 'x-b': '2' })
      t.equal((await get({ 'x-b': '2' })).body, 'call 2')
      t.equal((await get()).body, 'call 1')
      await cache.invalidateTags(['menu'])
      t.equal((await get()).body, 'call 3')
      t.equal((await get()).body, 'call 3')
      t.equal(calls(), 3)
    })

    t.test('the index of variants outlives its variants, which extend it', async (t) => {
      const { get, cache, clock, storedKeys, calls } = await createTestApp(t, 10, echo, { store: makeStore })
      await get({ 'x-v': 'a' })
      const { primaryKey, index } = await readIndex(cache, storedKeys())
      for (let i = 0; i < 6; i++) {
        clock.advance(9)
        await get({ 'x-v': `b${i}` })
        await until('it was prolonged', async () => (await cache.ttl(primaryKey))! >= 10)
      }
      t.equal((await get({ 'x-v': 'b5' })).status, 'hit; ttl=10')
      t.equal(calls(), 7)
      t.strictSame((await readIndex(cache, storedKeys())).index, index)
      t.equal(storedKeys().filter((key) => key === primaryKey).length, 1, 'it was written once')
      clock.advance(21)
      t.match((await get({ 'x-v': 'b5' })).body, '"b5" by 8')
      t.not((await readIndex(cache, storedKeys())).index.generation, index.generation)
    })

    t.test('after a deletion no earlier variant is found again', async (t) => {
      const { app, get, cache, storedKeys } = await createTestApp(t, 300, echo, { store: makeStore })
      await get({ 'x-v': 'a' })
      await get({ 'x-v': 'b' })
      const { primaryKey } = await readIndex(cache, storedKeys())
      await app.inject({ method: 'POST', url: '/page' })
      t.match(await get({ 'x-v': 'b' }), { body: '"b" by 3', status: /uri-miss/ })
      t.match(await get({ 'x-v': 'a' }), { body: '"a" by 4', status: /vary-miss/ })
      await cache.delete(primaryKey)
      t.match(await get({ 'x-v': 'a' }), { body: '"a" by 5', status: /uri-miss/ })
    })

    t.test('a response begun before a deletion does not restore earlier variants', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { app, get, calls } = await createTestApp(t, 300, async (request, reply, call) => {
        if (call !== 2) return echo(request, reply, call)
        await gate.promise
        return reply.header('vary', 'x-v, x-w').send('late')
      }, { store: makeStore })
      await get({ 'x-v': 'a' })
      const late = get({ 'x-v': 'b' })
      await until('it has begun', () => calls() === 2)
      await app.inject({ method: 'POST', url: '/page' })
      gate.resolve()
      t.equal((await late).body, 'late')
      t.match(await get({ 'x-v': 'a' }), { body: '"a" by 3' })
      t.match(await get({ 'x-v': 'b' }), { body: '"b" by 4' })
    })
  })
}
