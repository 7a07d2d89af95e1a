import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import larder, { createCache, type LarderOptions, memoryStore, type Versions } from '../../src/larder/index.ts'
import { fakeClock } from '../support/clock.ts'
import { collect } from '../support/collect.ts'
import { start } from '../support/process.ts'
import { freePort, startRedis } from '../support/redis.ts'
import { sendRequest } from '../support/create-test-app.ts'
import { until } from '../support/until.ts'

/** Creates an application with the plugin, written in the usual style: nothing is awaited. */
function createApp (t: Test, options: LarderOptions, config = { cachePage: {} }): FastifyInstance {
  const app = Fastify()
  t.teardown(() => app.close())
  let calls = 0
  app.register(larder, options)
  app.register(async (app) => {
    app.get('/page', { config }, async () => `call ${++calls}`)
    app.get('/value', async () => await app.larder.getOrSet('value', () => ({ call: ++calls }), { ttl: '1m' }))
  })
  return app
}

t.test('one registration caches values and whole responses', async (t) => {
  const { now, advance } = fakeClock()
  const app = createApp(t, { ttl: '5m', now })
  t.match(await sendRequest(app, { url: '/page' }), { body: 'call 1', status: /stored; ttl=300/ })
  t.match(await sendRequest(app, { url: '/page' }), { body: 'call 1', status: 'hit; ttl=300' })
  t.match(await sendRequest(app, { url: '/value' }), { body: '{"call":2}' })
  t.match(await sendRequest(app, { url: '/value' }), { body: '{"call":2}' })
  advance(61)
  t.match(await sendRequest(app, { url: '/value' }), { body: '{"call":3}' })
})

t.test('app.larder has every verb of a cache, and purges and explains responses', async (t) => {
  const app = createApp(t, { ttl: 60 }, { cachePage: { tags: ['a'] } })
  await app.ready()
  const { larder } = app
  await larder.set('one', 1, { tags: ['a'] })
  await larder.setMany([['two', 2]])
  t.strictSame(await larder.getMany(['one', 'two', 'three']), new Map([['one', 1], ['two', 2]]))
  t.equal(await larder.get('one'), 1)
  t.equal(await larder.add('one', 2), false)
  t.equal(await larder.increment('two'), 3)
  t.equal(await larder.touch('two', '2m'), true)
  t.equal(Math.round((await larder.ttl('two'))!), 120)
  t.equal(await larder.expire('two'), true)
  t.equal(await larder.refresh('two', () => 3), 3)
  t.strictSame(await larder.getOrSetMany(['two'], () => []), new Map([['two', 3]]))
  t.equal(await larder.cached((n: number) => n + 1, { key: 'next' })(3), 4)
  t.equal(await larder.delete('two'), true)
  t.equal(await larder.deleteMany(['two']), 0)
  await sendRequest(app, { url: '/page' })
  t.match(await larder.explain({ url: '/page' }), { outcome: { cacheStatus: /hit/ } })
  await larder.expireTags(['b'])
  await larder.invalidateTags(['a'])
  t.equal(await larder.get('one'), undefined)
  t.match(await larder.explain({ url: '/page' }), { outcome: { cacheStatus: /invalidated/ } })
  await sendRequest(app, { url: '/page' })
  t.equal(await larder.purge({ route: '/page' }), 1)
  t.equal(await larder.lock('job', {}, () => 'done'), 'done')
  await larder.namespace('v2').set('one', 1)
  t.strictSame(await collect(larder.entries({ prefix: 'v2:' })), [['v2:one', 1]])
  t.equal(await larder.deleteMatching({ prefix: 'v2:' }), 1)
  await larder.set('one', 1)
  await larder.clear()
  t.equal(await larder.get('one'), undefined)
})

t.test('with a URL of Redis, processes share what is cached', async (t) => {
  const { url } = await startRedis(t)
  const options = { redis: url, prefix: 'shop', ttl: 60 }
  const [first, second] = [createApp(t, options), createApp(t, options)]
  await sendRequest(first, { url: '/page' })
  t.match(await sendRequest(second, { url: '/page' }), { body: 'call 1', status: /hit/ })
  const client = new Redis(url)
  t.teardown(() => client.disconnect())
  t.match(await client.keys('shop:page:*'), [/^shop:page:/])
  await first.close()
  t.match(await sendRequest(second, { url: '/page' }), { status: /hit/ }, 'another process goes on')
})

t.test('a Redis that is down is reported in the log, and the process caches for itself', async (t) => {
  const lines: Array<{ msg: string, err?: { code: string } }> = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line)) } }
  const app = Fastify({ logger: { level: 'warn', stream } })
  t.teardown(() => app.close())
  app.register(larder, { redis: `redis://127.0.0.1:${await freePort()}`, ttl: 60 })
  app.register(async (app) => { app.get('/page', { config: { cachePage: {} } }, async () => 'page') })
  await sendRequest(app, { url: '/page' })
  t.match(await sendRequest(app, { url: '/page' }), { status: /hit/ })
  await until('the outage is logged', async () => {
    await app.larder.set('value', 1)
    return lines.length > 0
  })
  t.match(lines, [{ msg: 'Redis is unavailable: circuit open, continuing without it', err: { code: 'ECONNREFUSED' } }])
})

t.test('a process ends as soon as its application is closed, also if Redis is down', async (t) => {
  const program = `
    const { default: Fastify } = await import('fastify')
    const { default: larder } = await import(${JSON.stringify(new URL('../../src/larder/index.ts', import.meta.url))})
    const app = Fastify().register(larder, { redis: 'redis://127.0.0.1:${await freePort()}' })
    await app.ready()
    await app.close()
    const closed = performance.now()
    process.on('exit', () => console.log('ended after', performance.now() - closed))`
  const ended = await start(process.execPath, ['--input-type=module', '-e', program], 'ended after')
  t.ok(Number(ended!.line.split(' ').at(-1)) < 1_500, ended!.line)
})

t.test('it closes what it has opened, and leaves open what it was given', async (t) => {
  const { url } = await startRedis(t)
  const client = new Redis(url)
  t.teardown(() => client.disconnect())
  const countOthers = async () => (await client.client('LIST') as string).trim().split('\n').length - 1
  const fail = (what: string) => () => { t.fail(`${what} was closed`) }
  const store = { ...memoryStore(), close: fail('the store') }
  const cache = Object.assign(createCache({ store }), { close: fail('the cache') })
  const clock = { versions: memoryStore().versions as Versions, close: fail('the clock') }
  const cases: Array<[options: LarderOptions, opens: boolean]> = [
    [{ redis: url }, true], [{ redis: url, clock }, true], [{ redis: client }, false],
    [{ redis: client, clock }, false], [{ store }, false], [{ store, clock }, false], [{ cache }, false],
    [{ clock }, false], [{}, false]
  ]
  for (const [options, opens] of cases) {
    const app = createApp(t, { ...options, ttl: 60 })
    await sendRequest(app, { url: '/page' })
    if (opens) t.ok(await countOthers() >= 1)
    await app.close()
    await until('its connections are closed', async () => await countOthers() === 0)
    t.equal(await client.ping(), 'PONG')
  }
})

t.test('a start that fails closes what was opened until then', async (t) => {
  const { url } = await startRedis(t)
  const client = new Redis(url)
  t.teardown(() => client.disconnect())
  const app = createApp(t, { redis: url, skipOnHit: 'x' as never })
  await t.rejects(async () => { await app.ready() }, { code: 'FST_ERR_LARDER_OPTION' })
  await app.close()
  await until('its connections are closed', async () => {
    return (await client.client('LIST') as string).trim().split('\n').length === 1
  })
})

t.test('a version clock invalidates what depends on its tags', async (t) => {
  const versions = memoryStore().versions as Versions
  const app = createApp(t, { clock: { versions }, ttl: 60 }, { cachePage: { tags: ['products'] } })
  await sendRequest(app, { url: '/page' })
  await versions.invalidate(['products'])
  t.match(await sendRequest(app, { url: '/page' }), { body: 'call 2', status: /invalidated/ })
})

t.test('durations of the plugin may be texts', async (t) => {
  const app = createApp(t, { ttl: '1m', clientTtl: '5s' })
  t.match((await sendRequest(app, { url: '/page' })).headers, {
    'cache-control': 'max-age=5, s-maxage=60', 'cache-status': /ttl=60$/
  })
})

t.test('options that cannot be used fail the start with one sentence', async (t) => {
  const cache = createCache({ store: memoryStore() })
  const cases: Array<[options: object, message: string | RegExp]> = [
    [{ tll: 5 }, 'fastify-larder has no option tll. Did you mean ttl?'],
    [{ cache, redis: 'redis://x' }, 'The option redis cannot be used together with cache, which has its own.'],
    [{ store: memoryStore(), redis: 'redis://x' }, 'The option redis cannot be used together with store.'],
    [{ prefix: 'shop' }, 'The option prefix needs the option redis.'],
    [{ clock: {} }, 'The option clock must be a version clock, e.g. sqliteClock(connection).'],
    [{ store: {} }, /^The value of store must be a store, e.g. memoryStore\(\), but is {}/],
    [{ cache: {} }, 'The option `cache` of the page cache must be a cache. Create one with createCache().'],
    [{ ttl: '5' }, /^The value of ttl must be a number of seconds, a text such as "5m", or null, but is "5"/],
    [{ ttl: null }, /^The option ttl of the page cache must be a number of seconds/],
    [{ clientTtl: '1 parsec' }, /^The option clientTtl of the page cache must be a number of seconds/],
    [{ clock: null }, 'The option clock must be a version clock, e.g. sqliteClock(connection).'],
    ...['', 'http://127.0.0.1', 6379, null, 'redis:foo', 'unix:foo', '/run/redis.sock', 'redis://a/abc',
      'redis://:s3cret@a?commandTimeout=60000&enableOfflineQueue=true', 'redis://:s3cret%@a', {}
    ].map((redis): [object, string] => [
      { redis }, 'The option redis must be a URL such as redis://host:6379, or a client or cluster of ioredis.'
    ])
  ]
  for (const [options, message] of cases) {
    await t.rejects(async () => { await createApp(t, options).ready() }, { code: 'FST_ERR_LARDER_OPTION', message })
  }
})
