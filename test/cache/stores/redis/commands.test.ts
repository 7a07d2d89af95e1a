import { EventEmitter } from 'node:events'
import { Redis } from 'ioredis'
import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { redisStore } from '../../../../src/cache/index.ts'
import { RedisUnavailableError, RedisCommands } from '../../../../src/cache/stores/redis/commands.ts'
import { startProxy } from '../../../support/proxy.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'

const redis = await startRedis(t)

/** A Redis client that answers as it is told to. */
class FakeClient extends EventEmitter {
  status = 'ready'
  /** The next answers to the probe; without one it is answered well. */
  probes: Array<() => Promise<unknown>> = []
  probed = 0

  async get (): Promise<unknown> {
    this.probed++
    return await this.probes.shift()?.()
  }
}

function setUp (t: Test, { status = 'ready', commandTimeout = 50 } = {}) {
  const client = new FakeClient()
  client.status = status
  const told: Array<string | true> = []
  const link = new RedisCommands({
    client: client as unknown as Redis, probeKey: 'probe', commandTimeout, onStateChange: (up, reason) => { told.push(up || reason!.message) }
  })
  t.teardown(() => link.close())
  let sent = 0
  /** What becomes of a command, whose answer is told. */
  const run = async (answer: () => Promise<unknown>, late?: (answer: unknown) => void) => await link.run('PING', () => {
    sent++
    return answer()
  }, { ...late && { late } }).catch((error) => error)
  return { client, link, told, run, sent: () => sent }
}

const never = () => new Promise<never>(() => {})
const fails = (message: string, name = 'Error') => async () => { throw Object.assign(new Error(message), { name }) }
const refuses = (message: string) => fails(message, 'ReplyError')

t.test('a command that is not answered in time fails, and what comes later is told', async (t) => {
  const { run, link, told } = setUp(t, { commandTimeout: 10 })
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const late: unknown[] = []
  const error = await run(() => promise, (answer) => late.push(answer))
  t.match(error, { name: 'RedisAwayError', code: 'LARDER_REDIS_AWAY', message: 'Redis did not answer within 10 ms' })
  resolve('late')
  await promise
  t.strictSame(late, ['late'])
  await run(async () => 'in time', () => t.fail('was not late'))
  const failing = Promise.withResolvers<unknown>()
  t.type(await run(() => failing.promise), RedisUnavailableError)
  failing.reject(new Error('too late to matter'))
  t.equal(await run(async () => 'well'), 'well')
  const unheard = Promise.withResolvers<unknown>()
  t.type(await run(() => unheard.promise), RedisUnavailableError)
  unheard.resolve('nobody minds')
  t.ok(link.available)
  t.strictSame(told, [])
})

t.test('an answer that waited for our own event loop is in time', async (t) => {
  const client = new Redis(redis.url)
  t.teardown(() => client.disconnect())
  const link = new RedisCommands({ client, probeKey: 'probe', commandTimeout: 20 })
  t.teardown(() => link.close())
  await client.ping()
  for (let round = 0; round < 5; round++) {
    const asked = Promise.all([link.run('PING', () => client.ping()), link.run('GET', () => client.getBuffer('nothing'))])
    await new Promise(setImmediate) // it is sent
    const end = performance.now() + 200
    while (performance.now() < end);
    t.strictSame(await asked, ['PONG', null])
  }
})

t.test('after three failures in a row commands fail at once and are not sent, until a probe is answered', async (t) => {
  const { client, link, told, run, sent } = setUp(t, { commandTimeout: 10 })
  await run(never)
  await run(never)
  t.equal(await run(async () => 'well'), 'well')
  await run(never)
  await run(fails('gone'))
  t.ok(link.available)
  await run(fails('gone for good'))
  t.notOk(link.available)
  const before = sent()
  for (let i = 0; i < 20; i++) t.match(await run(never), { name: 'RedisAwayError', message: 'Redis is away: gone for good' })
  t.equal(sent(), before)
  t.strictSame(told, ['gone for good'])

  client.probes.push(fails('not yet'), refuses('LOADING it is'))
  await until('it is back', () => link.available)
  t.equal(client.probed, 3)
  t.strictSame(told, ['gone for good', true])
  t.equal(await run(async () => 'well'), 'well')
  await run(never)
  await run(never)
  t.ok(link.available, 'failures are counted from the beginning')
})

t.test('a probe that is answered too late is not good enough, and one that is refused is', async (t) => {
  const { client, link, run } = setUp(t, { commandTimeout: 10 })
  for (let i = 0; i < 3; i++) await run(fails('gone'))
  client.probes.push(() => new Promise((resolve) => setTimeout(resolve, 30)), refuses('WRONGTYPE it is'))
  await until('it has been asked', () => client.probed === 1)
  client.emit('ready') // one question at a time
  t.equal(client.probed, 1)
  await until('it is back', () => link.available)
  t.equal(client.probed, 2)
})

t.test('a Redis that refuses one command is there; one that serves nobody is not', async (t) => {
  for (const message of ['WRONGTYPE x', 'OOM x', 'READONLY x', 'NOSCRIPT x', 'ERR x', 'BUSYGROUP x']) {
    const { run, link } = setUp(t)
    for (let i = 0; i < 5; i++) t.match(await run(refuses(message)), { message })
    t.ok(link.available, message)
  }
  for (const word of ['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'BUSY', 'NOAUTH', 'WRONGPASS']) {
    const { run, link, told } = setUp(t)
    for (let i = 0; i < 3; i++) await run(refuses(`${word} x`))
    t.notOk(link.available, word)
    t.strictSame(told, [`${word} x`])
  }
})

t.test('a connection that is lost and found at once is told nobody, also where commands were under way', async (t) => {
  const { client, link, told, run, sent } = setUp(t)
  const underWay = Promise.withResolvers<never>()
  const asked = Array.from({ length: 5 }, () => run(() => underWay.promise))
  client.status = 'reconnecting'
  client.emit('close')
  underWay.reject(new Error('the connection is closed'))
  await Promise.all(asked)
  t.notOk(link.available)
  t.match(await run(never), { message: 'Redis is away: the connection was closed' })
  t.equal(sent(), 5)
  client.status = 'ready'
  client.emit('ready')
  await until('it is up', () => link.available)
  t.strictSame(told, [])
})

t.test('a connection that stays lost is told once, by what it failed by', async (t) => {
  const { client, link, told } = setUp(t)
  client.status = 'reconnecting'
  client.emit('error', new Error('while it was up'))
  t.strictSame(told, [])
  client.emit('close')
  for (let i = 0; i < 3; i++) client.emit('error', new Error('ECONNREFUSED'))
  t.strictSame(told, ['ECONNREFUSED'])
  client.status = 'ready'
  await until('it is up', () => link.available)
  t.strictSame(told, ['ECONNREFUSED', true])
})

t.test('a store tells when its Redis goes and comes', async (t) => {
  const client = new FakeClient()
  const told: unknown[] = []
  const fake = Object.assign(client, { options: {}, getBuffer: async () => null }) as unknown as Redis
  const store = redisStore({ client: fake, onStateChange: (up, reason) => { told.push([up, reason?.message]) } })
  client.status = 'reconnecting'
  client.emit('close')
  client.emit('error', new Error('ECONNREFUSED'))
  await t.rejects(async () => store.get('key'), { name: 'RedisAwayError' })
  client.status = 'ready'
  client.emit('ready')
  await until('it is told', () => told.length === 2)
  t.equal(await store.get('key'), undefined)
  t.strictSame(told, [[false, 'ECONNREFUSED'], [true, undefined]])
  await store.close()
})

t.test('a client that never was connected is away until it is', async (t) => {
  for (const status of ['reconnecting', 'close', 'end']) {
    const { client, link, told } = setUp(t, { status })
    t.notOk(link.available)
    await until('it is told', () => told.length === 1)
    t.strictSame(told, ['there is no connection'])
    t.equal(client.probed, 0, 'nobody asks without a connection')
    client.status = 'ready'
    client.emit('ready')
    await until('it is up', () => link.available)
  }
})

t.test('a slow Redis is not asked, and is again when it is quick', async (t) => {
  const line = await startProxy(t, redis.port)
  const client = new Redis(line.url)
  client.on('error', () => {})
  t.teardown(() => client.disconnect())
  const told: boolean[] = []
  const link = new RedisCommands({ client, probeKey: 'probe', commandTimeout: 50, onStateChange: (up) => { told.push(up) } })
  t.teardown(() => link.close())
  await client.ping()
  line.delay(150)
  await until('it is given up', async () => {
    await link.run('PING', () => client.ping()).catch(() => {})
    return !link.available
  })
  const began = performance.now()
  for (let i = 0; i < 100; i++) t.type(await link.run('PING', () => client.ping()).catch((error) => error), RedisUnavailableError)
  t.ok(performance.now() - began < 1_000, 'at once')
  line.pass()
  await until('it is up', () => link.available)
  t.strictSame(told, [false, true])
})

t.test('of very many commands at once some wait for their turn, which comes when others are answered', async (t) => {
  const { link, sent, run, told } = setUp(t, { commandTimeout: 1_000 })
  const answers = Array.from({ length: 300 }, () => Promise.withResolvers<number>())
  const asked = answers.map(({ promise }) => run(() => promise))
  t.equal(sent(), 256)
  answers[7]!.resolve(7)
  t.equal(await asked[7], 7)
  t.equal(sent(), 257)
  answers[8]!.reject(Object.assign(new Error('ERR no'), { name: 'ReplyError' }))
  await asked[8]
  t.equal(sent(), 258)
  for (const [i, { resolve }] of answers.entries()) resolve(i)
  t.strictSame((await Promise.all(asked)).toSpliced(8, 1), answers.map((_, i) => i).toSpliced(8, 1))
  t.equal(sent(), 300)
  t.ok(link.available)
  t.strictSame(told, [])
})

t.test('commands that wait for their turn when Redis goes fail at once, and are not sent', async (t) => {
  const { client, sent, run } = setUp(t, { commandTimeout: 20_000 })
  const under = Promise.withResolvers<never>()
  const asked = Array.from({ length: 300 }, () => run(() => under.promise))
  client.emit('close')
  t.match(await Promise.all(asked.slice(256)), Array(44).fill({ name: 'RedisAwayError' }))
  t.equal(sent(), 256)
  under.reject(new Error('gone'))
  await Promise.all(asked)
})

t.test('the time in which our own event loop stood still does not count', async (t) => {
  const { run, told } = setUp(t, { commandTimeout: 20 })
  const { promise, resolve } = Promise.withResolvers<string>()
  const asked = run(() => promise)
  const end = performance.now() + 200
  while (performance.now() < end);
  setTimeout(() => resolve('in time'), 5)
  t.equal(await asked, 'in time')
  t.type(await run(never), RedisUnavailableError)
  t.strictSame(told, [])
})

t.test('an event loop that always stands still puts a deadline off once, and no longer', async (t) => {
  const { run } = setUp(t, { commandTimeout: 20 })
  const busy = setInterval(() => {
    const end = performance.now() + 60
    while (performance.now() < end);
  }, 0)
  t.teardown(() => clearInterval(busy))
  const began = performance.now()
  t.type(await run(never), RedisUnavailableError)
  clearInterval(busy)
  t.ok(performance.now() - began < 1_000)
})

t.test('a Redis that goes again soon after it came is asked less and less often, until it stays', async (t) => {
  const { now } = performance
  let ahead = 0
  performance.now = () => now.call(performance) + ahead
  t.teardown(() => { performance.now = now })
  const { client, link } = setUp(t)
  /** Milliseconds until it is up again. */
  const away = async () => {
    client.emit('close')
    const began = performance.now()
    await until('it is up', () => link.available)
    return performance.now() - began
  }
  t.ok(await away() >= 249)
  t.ok(await away() >= 499)
  t.ok(await away() >= 999)
  ahead += 5_000
  const ms = await away()
  t.ok(ms >= 249 && ms < 900, 'as at first', { ms })
})

t.test('closing takes back all listeners and timers, and tells nothing any more', async (t) => {
  const { client, link, told, run } = setUp(t)
  const [events, most] = [client.eventNames(), client.getMaxListeners()]
  t.strictSame(events, ['error', 'close', 'ready'])
  const probe = Promise.withResolvers<unknown>()
  client.probes.push(() => probe.promise)
  client.emit('close')
  client.emit('ready')
  t.equal(client.probed, 1)
  link.close()
  t.strictSame(client.eventNames(), [])
  t.equal(client.getMaxListeners(), most - 1)
  probe.reject(new Error('gone'))
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.equal(client.probed, 1)
  for (let i = 0; i < 4; i++) await run(never)
  t.strictSame(told, [])
})

t.test('a closed link that was up stays so', async (t) => {
  const { link, run, told } = setUp(t, { commandTimeout: 5 })
  link.close()
  for (let i = 0; i < 4; i++) await run(never)
  t.ok(link.available)
  t.strictSame(told, [])
})

t.test('nothing but the client keeps a process from ending', async (t) => {
  const module = new URL('../../../../src/cache/index.ts', import.meta.url).href
  const program = (port: number) => `
    import { Redis } from 'ioredis'
    import { createCache, redisStore } from '${module}'
    const client = new Redis(${port}, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
    client.on('error', () => {})
    const cache = createCache({ store: redisStore({ client }) })
    await new Promise((resolve) => client.once('ready', resolve).once('reconnecting', resolve))
    await cache.getOrSet('key', () => 1)
    client.disconnect()`
  for (const port of [redis.port, 1]) {
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program(port)], { timeout: 10_000, encoding: 'utf8', cwd: import.meta.dirname })
    t.equal(status, 0, stderr)
  }
})

t.test('bad options are refused, and named', async (t) => {
  t.throws(() => setUp(t, { commandTimeout: 0 }), { name: 'TypeError', message: /^commandTimeout must be a positive integer, got 0/ })
})
