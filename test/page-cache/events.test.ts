import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import { memoryStore } from '../../src/cache/index.ts'
import { PAGE_CHANNEL, type PageEvent } from '../../src/page-cache/index.ts'
import { fakeClock } from '../support/clock.ts'
import { until } from '../support/until.ts'
import { createTestApp } from '../support/create-test-app.ts'

const inMemory = (_t: Test, now: () => number) => memoryStore({ now })

/** The events of the page cache, and how to stop listening. */
function hear (t: Test) {
  const events: PageEvent[] = []
  const listener = (event: unknown) => { events.push(event as PageEvent) }
  const end = () => unsubscribe(PAGE_CHANNEL, listener)
  subscribe(PAGE_CHANNEL, listener)
  t.teardown(end)
  return { events, end }
}

t.test('an event is emitted for every response', async (t) => {
  const { app, cache } = await createTestApp(t, 300, undefined, { store: inMemory })
  const { events, end } = hear(t)
  await app.inject('/page?x=1')
  await app.inject('/page?x=1')
  end()
  await app.inject('/page?x=1')
  t.match(events, [
    { cache, route: '/page', status: { fwd: 'uri-miss', stored: true }, ms: Number },
    { cache, route: '/page', status: { hit: true }, ms: Number }
  ])
  t.equal(events.length, 2)
})

t.test('each response emits one event; a stale one states the load time that it saved', async (t) => {
  const clock = fakeClock()
  const { app, cache, listener } = await createTestApp(
    t, { ttl: 10, staleWhileRevalidate: 60 }, () => { clock.advance(2); return 'page' }, { store: inMemory, clock }
  )
  const count = (wanted: string) => listener.events.filter(({ type }) => type === wanted).length
  const { events } = hear(t)
  await app.inject('/page')
  clock.advance(11)
  await app.inject('/page')
  await until('it is renewed', () => count('set') === 2)
  t.match(events, [
    { cache, status: { fwd: 'uri-miss' } },
    { cache, status: { hit: true, detail: 'stale-while-revalidate' }, bytes: 4, loadMs: 2000 }
  ])
  t.equal(events.length, 2, 'nobody was answered by the renewal')
  t.equal(count('stale'), 1)
})
