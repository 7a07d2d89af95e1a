import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { heapUsed } from '../support/heap.ts'
import { until } from '../support/until.ts'
import { createTestApp } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

const READERS = 1500

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}, readers of a stale page allocate nothing that lasts while its refresh hangs`, async (t) => {
    const gate = Promise.withResolvers<void>()
    const cachePage = { ttl: 60, staleWhileRevalidate: 3600 }
    const app = await createTestApp(t, cachePage, async (_request, _reply, call) => {
      if (call > 1) await gate.promise
      return `call ${call}`
    }, { store })
    const { get, clock, calls, cache, untilSettled } = app
    await get()
    clock.advance(61)
    const read = async () => {
      const { body, status } = await get()
      if (body !== 'call 1' || status !== 'hit; ttl=-1; detail=stale-while-revalidate') t.fail(status)
    }
    await read()
    await until('the refresh runs', () => calls() === 2)
    for (let i = 0; i < 200; i++) await read()
    const before = await heapUsed()
    for (let i = 0; i < READERS; i++) await read()
    const perReader = (await heapUsed() - before) / READERS
    // The test itself records an event for each.
    t.ok(perReader < 1000, `${Math.round(perReader)} bytes`)
    t.equal(cache.loadsInFlight, 1)
    t.equal(calls(), 2)

    gate.resolve()
    await untilSettled()
    await turn()
    t.match(await get(), { body: 'call 2', status: 'hit; ttl=60' })
  })
}
