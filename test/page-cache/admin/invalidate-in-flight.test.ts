import t from 'tap'
import { until } from '../../support/until.ts'
import { createTestApp } from '../../support/create-test-app.ts'
import { pageStores } from '../../support/page-stores.ts'

const stores = await pageStores(t)

for (const [name, store] of Object.entries(stores)) {
  t.test(`on ${name}`, async (t) => {
    t.test('a load in flight is not stored, and later requests do not join it', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { get, calls } = await createTestApp(t, { ttl: 60, staleIfError: 60 }, async (request, _reply, call) => {
        if (request.method === 'GET' && call === 1) await gate.promise
        return `call ${call}`
      }, { store, method: ['GET', 'POST'] })
      const early = get()
      await until('the handler runs', () => calls() === 1)
      await get({}, { method: 'POST' })
      t.match(await get(), { body: 'call 3', status: /stored/ })
      gate.resolve()
      t.match(await early, { body: 'call 1', status: /detail=revoked$/ })
      t.match(await get(), { body: 'call 3', status: 'hit; ttl=60' })
    })

    t.test('a load of a variant in flight is not stored', async (t) => {
      const gate = Promise.withResolvers<void>()
      const { get, calls } = await createTestApp(t, { ttl: 60, vary: ['x-a'] }, async (request, _reply, call) => {
        if (call === 2) await gate.promise
        return `call ${call}`
      }, { store, method: ['GET', 'POST'] })
      await get({ 'x-a': '1' })
      const early = get({ 'x-a': '2' })
      await until('the handler runs', () => calls() === 2)
      await get({}, { method: 'POST' })
      gate.resolve()
      t.match(await early, { body: 'call 2' })
      t.match(await get({ 'x-a': '2' }), { body: 'call 4' })
      t.match(await get({ 'x-a': '1' }), { body: 'call 5' })
    })

    t.test('a response to a request with Authorization or Range in flight is not stored', async (t) => {
      for (const headers of [{ range: 'bytes=0-3' }, { authorization: 'x' }] as Array<Record<string, string>>) {
        const gate = Promise.withResolvers<void>()
        const { get, calls } = await createTestApp(t, 60, async (request, reply, call) => {
          if (call === 1) await gate.promise
          return reply.header('cache-control', 'public').send(`call ${call}`)
        }, { store, method: ['GET', 'POST'] })
        const early = get(headers)
        await until('the handler runs', () => calls() === 1)
        await get({}, { method: 'POST' })
        gate.resolve()
        t.match(await early, { body: /^call/ })
        t.match(await get(), { body: 'call 3' }, JSON.stringify(headers))
      }
    })
  })
}
