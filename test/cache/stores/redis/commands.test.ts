import { EventEmitter } from 'node:events'
import { spawnSync } from 'node:child_process'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { redisStore } from '../../../../src/cache/index.ts'
import { RedisUnavailableError } from '../../../../src/cache/errors.ts'
import { RedisCommands } from '../../../../src/cache/stores/redis/commands.ts'
import { startProxy } from '../../../support/proxy.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'

const redis = await startRedis(t)

/** A Redis client whose replies the test decides. */
class FakeClient extends EventEmitter {
  status = 'ready'
  /** The next replies to the probe; without one it succeeds. */
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
  const reports: Array<string | true> = []
  const commands = new RedisCommands({
    client: client as unknown as Redis,
    probeKey: 'probe',
    commandTimeout,
    onStateChange: (up, reason) => { reports.push(up || reason!.message) }
  })
  t.teardown(() => commands.close())
  let sent = 0
  /** Runs a command; returns its reply or its error. */
  const run = async (reply: () => Promise<unknown>) => await commands.run('PING', () => {
    sent++
    return reply()
  }).catch((error) => error)
  return { client, commands, reports, run, sent: () => sent }
}

/** Blocks the event loop. */
function block (ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

const never = () => new Promise<never>(() => {})
const fails = (message: string, name = 'Error') => async () => { throw Object.assign(new Error(message), { name }) }
const refuses = (message: string) => fails(message, 'ReplyError')

t.test('a command that misses its deadline rejects with RedisUnavailableError; late replies are ignored', async (t) => {
  const { run, commands, reports } = setUp(t, { commandTimeout: 10 })
  const [late, failing] = [Promise.withResolvers<unknown>(), Promise.withResolvers<unknown>()]
  const error = await run(() => late.promise)
  t.match(error, {
    name: 'RedisUnavailableError', code: 'LARDER_REDIS_UNAVAILABLE', message: 'Redis did not reply within 10 ms.'
  })
  late.resolve('late')
  t.type(await run(() => failing.promise), RedisUnavailableError)
  failing.reject(new Error('too late to matter'))
  t.equal(await run(async () => 'reply'), 'reply')
  t.ok(commands.available)
  t.strictSame(reports, [])
})

t.test('a reply that waited for a blocked event loop is in time', async (t) => {
  const client = new Redis(redis.url)
  t.teardown(() => client.disconnect())
  const commands = new RedisCommands({ client, probeKey: 'probe', commandTimeout: 20 })
  t.teardown(() => commands.close())
  await client.ping()
  for (let round = 0; round < 5; round++) {
    const replies = Promise.all([
      commands.run('PING', () => client.ping()), commands.run('GET', () => client.getBuffer('nothing'))
    ])
    await new Promise(setImmediate) // the commands are sent
    block(200)
    t.strictSame(await replies, ['PONG', null])
  }
})

t.test('while the event loop is blocked, no deadline passes', async (t) => {
  const { run, reports } = setUp(t, { commandTimeout: 20 })
  const { promise, resolve } = Promise.withResolvers<string>()
  const reply = run(() => promise)
  block(200)
  setTimeout(() => resolve('in time'), 5)
  t.equal(await reply, 'in time')
  t.type(await run(never), RedisUnavailableError)
  t.strictSame(reports, [])
})

t.test('an event loop that is always blocked extends a deadline once', async (t) => {
  const { run } = setUp(t, { commandTimeout: 20 })
  const busy = setInterval(() => block(60), 0)
  t.teardown(() => clearInterval(busy))
  const startedAt = performance.now()
  t.type(await run(never), RedisUnavailableError)
  clearInterval(busy)
  t.ok(performance.now() - startedAt < 1_000)
})

t.test('while the circuit is open, commands reject at once and are not sent', async (t) => {
  const { client, commands, reports, run, sent } = setUp(t, { commandTimeout: 10 })
  await run(never)
  await run(never)
  t.equal(await run(async () => 'reply'), 'reply')
  await run(never)
  await run(fails('lost'))
  t.ok(commands.available)
  await run(fails('refused'))
  t.notOk(commands.available)
  const before = sent()
  for (let i = 0; i < 20; i++) {
    t.match(await run(never), {
      code: 'LARDER_REDIS_UNAVAILABLE', message: 'Redis is unavailable, the circuit is open: refused'
    })
  }
  t.equal(sent(), before)
  t.strictSame(reports, ['refused'])

  client.probes.push(fails('not yet'), refuses('LOADING it is'))
  await until('the circuit is closed', () => commands.available)
  t.equal(client.probed, 3)
  t.strictSame(reports, ['refused', true])
  t.equal(await run(async () => 'reply'), 'reply')
})

t.test('a probe that misses the deadline fails, and one that Redis refuses succeeds', async (t) => {
  const { client, commands, run } = setUp(t, { commandTimeout: 10 })
  for (let i = 0; i < 3; i++) await run(fails('lost'))
  client.probes.push(() => new Promise((resolve) => setTimeout(resolve, 30)), refuses('WRONGTYPE it is'))
  await until('the first probe is sent', () => client.probed === 1)
  client.emit('ready') // one probe at a time
  t.equal(client.probed, 1)
  await until('the circuit is closed', () => commands.available)
  t.equal(client.probed, 2)
})

t.test('a Redis that refuses one command is available; one that serves none is not', async (t) => {
  for (const message of ['WRONGTYPE x', 'OOM x', 'READONLY x', 'NOSCRIPT x', 'ERR x', 'BUSYGROUP x']) {
    const { run, commands } = setUp(t)
    for (let i = 0; i < 5; i++) t.match(await run(refuses(message)), { message })
    t.ok(commands.available, message)
  }
  for (const word of ['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'BUSY', 'NOAUTH', 'WRONGPASS']) {
    const { run, commands, reports } = setUp(t)
    for (let i = 0; i < 3; i++) await run(refuses(`${word} x`))
    t.notOk(commands.available, word)
    t.strictSame(reports, [`${word} x`])
  }
})

t.test('a connection that is lost and restored at once is not reported, even with commands in flight', async (t) => {
  const { client, commands, reports, run, sent } = setUp(t)
  const inFlight = Promise.withResolvers<never>()
  const replies = Array.from({ length: 5 }, () => run(() => inFlight.promise))
  client.status = 'reconnecting'
  client.emit('close')
  inFlight.reject(new Error('the connection is closed'))
  await Promise.all(replies)
  t.notOk(commands.available)
  t.match(await run(never), { message: 'Redis is unavailable, the circuit is open: the connection was closed' })
  t.equal(sent(), 5)
  client.status = 'ready'
  client.emit('ready')
  await until('the circuit is closed', () => commands.available)
  t.strictSame(reports, [])
})

t.test('a connection that stays lost is reported once, with the error of the client', async (t) => {
  const { client, commands, reports } = setUp(t)
  client.status = 'reconnecting'
  client.emit('error', new Error('before the connection was lost'))
  t.strictSame(reports, [])
  client.emit('close')
  for (let i = 0; i < 3; i++) client.emit('error', new Error('ECONNREFUSED'))
  t.strictSame(reports, ['ECONNREFUSED'])
  client.status = 'ready'
  await until('the circuit is closed', () => commands.available)
  t.strictSame(reports, ['ECONNREFUSED', true])
})

t.test('redisStore() calls onStateChange when Redis becomes unavailable and when it has recovered', async (t) => {
  const client = new FakeClient()
  const reports: unknown[] = []
  const fake = Object.assign(client, { options: {}, getBuffer: async () => null }) as unknown as Redis
  const store = redisStore({
    client: fake, onStateChange: (up, reason) => { reports.push([up, reason?.message]) }
  })
  client.status = 'reconnecting'
  client.emit('close')
  client.emit('error', new Error('ECONNREFUSED'))
  await t.rejects(async () => store.get('key'), { name: 'RedisUnavailableError' })
  client.status = 'ready'
  client.emit('ready')
  await until('the recovery is reported', () => reports.length === 2)
  t.equal(await store.get('key'), undefined)
  t.strictSame(reports, [[false, 'ECONNREFUSED'], [true, undefined]])
  await store.close()
})

t.test('a client that has no connection yet is unavailable until it is ready', async (t) => {
  for (const status of ['reconnecting', 'close', 'end']) {
    const { client, commands, reports } = setUp(t, { status })
    t.notOk(commands.available)
    await until('the outage is reported', () => reports.length === 1)
    t.strictSame(reports, ['there is no connection'])
    t.equal(client.probed, 0, 'no probe is sent without a connection')
    client.status = 'ready'
    client.emit('ready')
    await until('the circuit is closed', () => commands.available)
  }
})

t.test('a slow Redis opens the circuit, and closes it when it is fast again', async (t) => {
  const line = await startProxy(t, redis.port)
  const client = new Redis(line.url)
  client.on('error', () => {})
  t.teardown(() => client.disconnect())
  const reports: boolean[] = []
  const commands = new RedisCommands({
    client, probeKey: 'probe', commandTimeout: 50, onStateChange: (up) => { reports.push(up) }
  })
  t.teardown(() => commands.close())
  const ping = () => commands.run('PING', () => client.ping()).catch((error) => error)
  await client.ping()
  line.delay(150)
  await until('the circuit is open', async () => {
    await ping()
    return !commands.available
  })
  const startedAt = performance.now()
  for (let i = 0; i < 100; i++) t.type(await ping(), RedisUnavailableError)
  t.ok(performance.now() - startedAt < 1_000, 'at once')
  line.pass()
  await until('the circuit is closed', () => commands.available)
  t.strictSame(reports, [false, true])
})

t.test('at most 256 commands are in flight; others are sent when those settle', async (t) => {
  const { commands, sent, run, reports } = setUp(t, { commandTimeout: 1_000 })
  const results = Array.from({ length: 300 }, () => Promise.withResolvers<number>())
  const replies = results.map(({ promise }) => run(() => promise))
  t.equal(sent(), 256)
  results[7]!.resolve(7)
  t.equal(await replies[7], 7)
  t.equal(sent(), 257)
  results[8]!.reject(Object.assign(new Error('ERR no'), { name: 'ReplyError' }))
  await replies[8]
  t.equal(sent(), 258)
  for (const [i, { resolve }] of results.entries()) resolve(i)
  t.strictSame((await Promise.all(replies)).toSpliced(8, 1), results.map((_, i) => i).toSpliced(8, 1))
  t.equal(sent(), 300)
  t.ok(commands.available)
  t.strictSame(reports, [])
})

t.test('queued commands reject when the circuit opens, and are not sent', async (t) => {
  const { client, sent, run } = setUp(t, { commandTimeout: 20_000 })
  const inFlight = Promise.withResolvers<never>()
  const replies = Array.from({ length: 300 }, () => run(() => inFlight.promise))
  client.emit('close')
  t.match(await Promise.all(replies.slice(256)), Array(44).fill({ name: 'RedisUnavailableError' }))
  t.equal(sent(), 256)
  inFlight.reject(new Error('lost'))
  await Promise.all(replies)
})

t.test('commands of one turn of the event loop reach the socket in one write', async (t) => {
  const client = new Redis(redis.url)
  t.teardown(() => client.disconnect())
  const commands = new RedisCommands({ client, probeKey: 'probe', commandTimeout: 5_000 })
  t.teardown(() => commands.close())
  await client.ping()
  const get = (key: string) => commands.run('GET', () => client.get(key))
  const replies = Promise.all([get('a'), get('b'), get('c')])
  t.equal(client.stream.writableCorked, 1)
  t.strictSame(await replies, [null, null, null])
  t.equal(client.stream.writableCorked, 0)
})

t.test('close() removes all listeners and timers, and nothing is reported any more', async (t) => {
  const { client, commands, reports, run } = setUp(t)
  const maxListeners = client.getMaxListeners()
  t.strictSame(client.eventNames(), ['error', 'close', 'ready'])
  const probe = Promise.withResolvers<unknown>()
  client.probes.push(() => probe.promise)
  client.emit('close')
  client.emit('ready')
  t.equal(client.probed, 1)
  commands.close()
  t.strictSame(client.eventNames(), [])
  t.equal(client.getMaxListeners(), maxListeners - 1)
  probe.reject(new Error('lost'))
  for (let i = 0; i < 4; i++) await run(never)
  t.equal(client.probed, 1)
  t.strictSame(reports, [])
})

t.test('closed while it is available, it stays available', async (t) => {
  const { commands, run, reports } = setUp(t, { commandTimeout: 5 })
  commands.close()
  for (let i = 0; i < 4; i++) await run(never)
  t.ok(commands.available)
  t.strictSame(reports, [])
})

t.test('only the client keeps a process alive, not the store', async (t) => {
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
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program(port)], {
      timeout: 10_000, encoding: 'utf8', cwd: import.meta.dirname
    })
    t.equal(status, 0, stderr)
  }
})

t.test('an invalid commandTimeout is refused by name', async (t) => {
  const message = /^commandTimeout must be a positive integer, got 0/
  t.throws(() => setUp(t, { commandTimeout: 0 }), { name: 'TypeError', message })
})
