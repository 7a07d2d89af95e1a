import t from 'tap'
import { currentReads } from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { failingLoader } from '../../../support/failing-loader.ts'
import { until } from '../../../support/until.ts'
import { type DeferredLoader, deferredLoader } from '../../../support/deferred-loader.ts'
import { listen } from '../../../support/record-events.ts'
import { patientRedisStore } from '../../../support/patient-redis-store.ts'
import { recordCommands, holdAndWait, createProcesses, client } from '../../../support/lease-processes.ts'

t.test('a fill wakes the callers that wait in another process', async (t) => {
  const times: number[] = []
  const commands = await recordCommands(async () => {
    for (let round = 0; round < 9; round++) {
      const { held, first, second, waiter } = await holdAndWait(createProcesses(t))
      const filledAt = performance.now()
      held.end('value')
      t.strictSame(await Promise.all([first, waiter]), ['value', 'value'])
      times.push(performance.now() - filledAt)
      t.equal(second.runs(), 0)
    }
  })
  const median = times.sort((a, b) => a - b)[4]!
  t.ok(median < 100, 'well before the next look', { median })
  t.comment(`woken in ${median.toFixed(1)} ms`)
  const scripts = commands.filter(([verb, , , name]) => verb === 'EVALSHA' && name!.endsWith(':key')).length
  // The holder acquires and fills; the waiter acquires, and again when the channel is open and when it is notified.
  t.ok(scripts <= 9 * 5, 'no more than five scripts', { scripts })
})

t.test('the channel is unsubscribed once no caller waits', async (t) => {
  const site = createProcesses(t)
  const { held, first, waiter } = await holdAndWait(site)
  held.end(1)
  await Promise.all([first, waiter])
  await site.waiting(0)
})

t.test('callers that wait for a load whose result is not stored load in parallel, and store', async (t) => {
  const ends: Record<string, { held: DeferredLoader<unknown>, end: (held: DeferredLoader<unknown>) => void }> = {
    fails: { held: deferredLoader(), end: (held) => held.fail(new Error('upstream down')) },
    'answers undefined': { held: deferredLoader(), end: (held) => held.end(undefined) },
    'skips the store': { held: deferredLoader((context) => context.skipStore()), end: (held) => held.end(1) },
    'has no life': { held: deferredLoader((context) => context.setTtl(0)), end: (held) => held.end(1) },
    'cannot be encoded': { held: deferredLoader(), end: (held) => held.end(() => 1) },
    'cannot be verified': {
      held: deferredLoader(() => currentReads()!.doNotStore('unwatched-read')), end: (held) => held.end(1)
    },
    'is too large': { held: deferredLoader(), end: (held) => held.end('x'.repeat(2_000)) }
  }
  for (const [how, { held, end }] of Object.entries(ends)) {
    const site = createProcesses(t, { maxEntryBytes: 1_000 })
    const { mine, theirs, third, fourth } = site
    const first = mine.getOrSet('key', held.load).catch(() => {})
    await held.began
    const [one, two] = [deferredLoader(), deferredLoader()]
    const waiters = [theirs.getOrSet('key', one.load), third.getOrSet('key', two.load)]
    await site.waiting(2)
    end(held)
    await first
    await Promise.all([one.began, two.began]) // neither waits for the other
    two.end('kept')
    t.equal(await waiters[1], 'kept', how)
    t.equal(await fourth.getOrSet<unknown>('key', failingLoader), 'kept', how)
    one.end('late')
    t.equal(await waiters[0], 'late', how)
    t.equal(await fourth.get('key'), 'kept', how)
  }
})

t.test('a waiting caller that finds a corrupt value loads', async (t) => {
  const site = createProcesses(t)
  const { held, first, second, waiter } = await holdAndWait(site)
  const now = Date.now()
  const end = now + 60_000
  const corrupt = {
    payload: Uint8Array.of(0xc1), storedAt: now, freshUntil: end, staleUntil: end, tags: [], stamp: ''
  }
  await patientRedisStore({ client, prefix: site.prefix }).set('key', corrupt)
  await second.began
  second.end('value')
  t.equal(await waiter, 'value')
  held.end('old')
  t.equal(await first, 'old')
  t.equal(await site.third.get('key'), 'value')
})

t.test('a load that cannot be stored lets all others load in parallel', async (t) => {
  const { mine, theirs, third } = createProcesses(t)
  const older = deferredLoader(() => currentReads()!.doNotStore('unwatched-read'))
  const first = mine.getOrSet('key', older.load)
  await older.began
  const [one, two, three] = [deferredLoader(), deferredLoader(), deferredLoader()]
  const asked = [mine.getOrSet('key', one.load), theirs.getOrSet('key', two.load), third.getOrSet('key', three.load)]
  await Promise.all([one.began, two.began, three.began])
  for (const held of [older, one, two, three]) held.end('value')
  t.strictSame(await Promise.all([first, ...asked]), Array(4).fill('value'))
})

t.test('a caller that waits for a load which fails gets the stale value, and backs off', async (t) => {
  const clock = fakeClock()
  const site = createProcesses(t, { now: clock.now })
  const { mine, theirs, third, fourth } = site
  const options = { ttl: 10, staleIfError: 1_000 }
  await mine.getOrSet('key', () => 'old', options)
  clock.advance(10)
  const held = deferredLoader()
  const first = mine.getOrSet('key', held.load, options)
  await held.began
  const waiters = [
    theirs.getOrSet('key', failingLoader, options),
    third.getOrSet('key', failingLoader, { ...options, staleIfError: 0, staleWhileRevalidate: 1_000 })
  ]
  const [one, two] = [deferredLoader(), deferredLoader()]
  const { events } = listen(t, theirs)
  const insisting = [fourth.getOrSet('key', two.load)]
  await site.waiting(3)
  held.fail(new Error('upstream down'))
  t.strictSame(await Promise.all([first, ...waiters]), ['old', 'old', 'old'])
  await until('it is told', () => events.length >= 2)
  t.match(events.filter(({ type }) => type === 'error'), [
    { doing: 'load', error: { message: 'another process has just failed to load "key"' } }
  ])
  await two.began // who takes no old value loads all the same
  t.equal(await theirs.getOrSet('key', one.load, options), 'old')
  two.fail(new Error('upstream down'))
  await t.rejects(insisting[0]!, { message: 'upstream down' })
  t.equal(one.runs(), 0)
  clock.advance(1.999)
  t.equal(await theirs.getOrSet('key', one.load, options), 'old', 'that was the second attempt')
  t.equal(one.runs(), 0)
  clock.advance(0.001)
  one.end('new')
  t.equal(await theirs.getOrSet('key', one.load, options), 'new')
  const found = await mine.lookup('key')
  t.match(found, { retry: undefined })
  t.notHas(found, { retry: { failures: Number } })
})
