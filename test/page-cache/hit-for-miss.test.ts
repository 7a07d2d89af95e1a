import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createCache } from '../../src/cache/index.ts'
import { HitForMiss } from '../../src/page-cache/hit-for-miss.ts'
import pageCache, { type CachePageOptions } from '../../src/page-cache/index.ts'
import { patientRedisStore } from '../support/patient-redis-store.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { type Handler, type TestApp, createTestApp, type TestAppOptions } from '../support/create-test-app.ts'
import { pageStores } from '../support/page-stores.ts'

/** How many requests arrive together. */
const REQUESTS = 4

interface GatedPage extends TestApp {
  /** Lets all runs of the handler go on, those that wait and those to come. */
  open: () => void
}

/** A page whose handler waits until it may go on. */
async function gatedPage (
  t: Test, cachePage: CachePageOptions | number, handler: Handler, setting: TestAppOptions = {}
): Promise<GatedPage> {
  let gate = Promise.withResolvers<void>()
  gate.resolve()
  const page = await createTestApp(t, cachePage, async (request, reply, call) => {
    await gate.promise
    return handler(request, reply, call)
  }, setting)
  const close = () => { gate = Promise.withResolvers() }
  return {
    ...page,
    open: () => gate.resolve(),
    async get (...options) {
      const answer = await page.get(...options)
      close()
      return answer
    }
  }
}

/** Sends requests that arrive together, and returns how many run the handler though none has ended. */
async function countParallelRuns (
  { app, calls, listener, open }: GatedPage, expected: number, headers: Record<string, string> = {}
): Promise<number> {
  const before = calls()
  const countMisses = () => listener.events.filter(({ type }) => type === 'miss').length
  const misses = countMisses()
  const answers = Array.from({ length: REQUESTS }, () => app.inject({ url: '/page', headers }))
  await until('all have missed', () => countMisses() >= misses + REQUESTS)
  await until('as many run as expected', () => calls() - before >= expected)
  for (let turns = 0; turns < 20; turns++) await turn()
  const running = calls() - before
  open()
  await Promise.all(answers)
  return running
}

const REFUSED: Record<string, [options: CachePageOptions, handler: Handler]> = {
  'sets a cookie': [{ ttl: 60 }, (_request, reply) => reply.header('set-cookie', 'a=1').send('page')],
  'is private': [{ ttl: 60 }, (_request, reply) => reply.header('cache-control', 'private').send('page')],
  'varies by everything': [{ ttl: 60 }, (_request, reply) => reply.header('vary', '*').send('page')],
  'is a 404': [{ ttl: 60 }, (_request, reply) => reply.code(404).send('page')],
  'is a 500': [{ ttl: 60 }, () => { throw new Error('broken') }],
  'names no lifetime': [{}, () => 'page'],
  'is too large': [{ ttl: 60, maxBytes: 2 }, () => 'page'],
  'is a stream that is too large': [{ ttl: 60, maxBytes: 2 }, () => Readable.from(['page', 'page'])],
  'has to be validated each time': [{}, (_request, reply) =>
    reply.headers({ 'cache-control': 'no-cache', etag: '"a"' }).send('page')],
  'is sent past Fastify': [{ ttl: 60 }, (_request, reply) => { reply.hijack(); reply.raw.end('page') }]
}

for (const [name, store] of Object.entries(await pageStores(t))) {
  t.test(`on ${name}`, async (t) => {
    for (const [reason, [options, handler]] of Object.entries(REFUSED)) {
      t.test(`after a response that ${reason}, requests run the handler in parallel`, async (t) => {
        const page = await gatedPage(t, options, handler, { store })
        await page.get()
        await page.untilSettled()
        t.equal(await countParallelRuns(page, REQUESTS), REQUESTS)
        await page.get()
        page.clock.advance(5)
        t.equal(await countParallelRuns(page, REQUESTS), REQUESTS, 'as long as requests arrive')
      })
    }

    t.test('a response that can be stored again is, and then requests share it', async (t) => {
      let cookie = true
      const page = await gatedPage(t, 60, (_request, reply, call) => {
        if (cookie) reply.header('set-cookie', 'a=1')
        return `call ${call}`
      }, { store })
      await page.get()
      await page.untilSettled()
      cookie = false
      t.equal(await countParallelRuns(page, REQUESTS), REQUESTS)
      t.match(await page.get(), { status: 'hit; ttl=60' })
      page.clock.advance(61)
      t.equal(await countParallelRuns(page, 1), 1, 'the key is forgotten')
    })
  })
}

t.test('the first request leads again ten seconds after the last refusal', async (t) => {
  const page = await gatedPage(t, 60, (_request, reply) => reply.header('set-cookie', 'a=1').send('page'))
  await page.get()
  page.clock.advance(9)
  t.equal(await countParallelRuns(page, REQUESTS), REQUESTS)
  await page.get()
  page.clock.advance(11)
  t.equal(await countParallelRuns(page, 1), 1)
})

t.test('the key of a slow handler is remembered for as much longer as it took', async (t) => {
  const page: GatedPage = await gatedPage(t, 60, (_request, reply, call) => {
    if (call === 1) page.clock.advance(30)
    return reply.header('set-cookie', 'a=1').send('page')
  })
  await page.get()
  page.clock.advance(39)
  t.equal(await countParallelRuns(page, REQUESTS), REQUESTS)
})

t.test('Cache-Status says that a request did not wait for another', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { get, calls } = await createTestApp(t, 60, async (_request, reply, call) => {
    if (call > 1) await gate.promise
    return reply.header('set-cookie', 'a=1').send('page')
  })
  t.match(await get(), { status: 'fwd=uri-miss; detail=set-cookie' })
  const leader = get()
  await until('it runs', () => calls() === 2)
  const other = get()
  await until('it runs', () => calls() === 3)
  gate.resolve()
  t.match(await leader, { status: 'fwd=uri-miss; detail=set-cookie' })
  t.match(await other, { status: 'fwd=uri-miss; detail=hit-for-miss', headers: { 'cache-control': 'no-cache' } })
})

t.test('a personal response does not keep requests without cookies from sharing one', async (t) => {
  const page = await gatedPage(t, 60, ({ headers }) => headers.cookie ?? 'page')
  t.match(await page.get({ cookie: 'a=1' }), { status: 'fwd=uri-miss; detail=cookie' })
  t.equal(await countParallelRuns(page, REQUESTS, { cookie: 'a=2' }), REQUESTS)
  t.match(await page.get({ cookie: 'a=1' }), { status: 'fwd=uri-miss; detail=cookie' })
  t.equal(await countParallelRuns(page, 1), 1)
})

t.test('requests share a failure that stays within stale-if-error, and get the stale response', async (t) => {
  const page = await gatedPage(t, { ttl: 60, staleIfError: 600 }, (_request, reply, call) =>
    call === 1 ? 'page' : reply.code(500).send('broken'))
  await page.get()
  page.clock.advance(61)
  page.open()
  t.match(await page.get(), { body: 'page', status: /detail=stale-if-error/ })
  page.clock.advance(120)
  t.equal(await countParallelRuns(page, 1), 1)
})

t.test('all requests of an upstream failure share it, so they wait for one another', async (t) => {
  const page = await gatedPage(t, 60, (_request, reply) => reply.code(503).send('away'))
  await page.get()
  t.equal(await countParallelRuns(page, 1), 1)
})

t.test('a refusal in one process makes requests run in parallel in others', async (t) => {
  const { url } = await startRedis(t)
  let running = 0
  let gate = Promise.resolve()
  const start = async () => {
    const client = new Redis(url)
    const app = Fastify()
    t.teardown(async () => { await app.close(); client.disconnect() })
    const cache = createCache({ store: patientRedisStore({ client }) })
    await app.register(pageCache, { cache })
    app.get('/page', { config: { cachePage: 60 } }, async (_request, reply) => {
      running++
      await gate
      return reply.header('set-cookie', 'a=1').send('page')
    })
    return app
  }
  const [one, other] = [await start(), await start()]
  await one.inject('/page')
  const opened = Promise.withResolvers<void>()
  gate = opened.promise
  running = 0
  const answers = [other.inject('/page')]
  await until('it has asked for the lease, and runs', () => running === 1)
  for (let i = 0; i < 5; i++) answers.push(other.inject('/page'))
  await until('all run', () => running === 6)
  opened.resolve()
  await Promise.all(answers)
  t.equal(running, 6)
})

t.test('ten thousand keys are remembered, the latest ones', async (t) => {
  const ctx = { headerTracker: { sent: {}, headers: {} } } as never
  const hitForMiss = new HitForMiss(() => 0)
  for (let i = 0; i < 10_001; i++) hitForMiss.mark(`key ${i}`, ctx, 0)
  t.notOk(hitForMiss.has('key 0', ctx))
  t.ok(hitForMiss.has('key 1', ctx))
  t.ok(hitForMiss.has('key 10000', ctx))
})

t.test('a response that is personal because of a forwarding header concerns requests with one', async (t) => {
  const request = (headers: Record<string, string>, sent = headers) => ({ headerTracker: { sent, headers } }) as never
  const hitForMiss = new HitForMiss(() => 0)
  hitForMiss.mark('key', request({ 'x-forwarded-host': 'a' }), 0, 'forwarded')
  t.notOk(hitForMiss.has('key', request({})))
  t.ok(hitForMiss.has('key', request({}, { forwarded: 'host=a' })), 'though a hook has removed it')
})
