import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Redis } from 'ioredis'
import t from 'tap'
import { REDIS_CHANNEL, type RedisEvent, redisStore } from '../../../../src/cache/index.ts'
import { RedisUnavailableError } from '../../../../src/cache/errors.ts'
import { RedisCommands } from '../../../../src/cache/stores/redis/commands.ts'
import { startProxy } from '../../../support/proxy.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'
import { createCommands, never, fails, refuses, FakeClient } from '../../../support/redis-commands.ts'

const redis = await startRedis(t)

t.test('while the circuit is open, commands reject at once and are not sent', async (t) => {
  const { client, commands, reports, run, sent } = createCommands(t, { commandTimeout: 10 })
  await run(never)
  await run(never)
  t.equal(await run(async () => 'reply'), 'reply')
  await run(never)
  await run(fails('lost'))
  t.ok(commands.available)
  t.equal(commands.outages, 0)
  await run(fails('refused'))
  t.notOk(commands.available)
  t.equal(commands.outages, 1)
  const before = sent()
  for (let i = 0; i < 20; i++) {
    t.match(await run(never), {
      code: 'FST_ERR_LARDER_REDIS_UNAVAILABLE', message: 'Redis is unavailable, the circuit is open: refused'
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
  const { client, commands, run } = createCommands(t, { commandTimeout: 10 })
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
    const { run, commands } = createCommands(t)
    for (let i = 0; i < 5; i++) t.match(await run(refuses(message)), { message })
    t.ok(commands.available, message)
  }
  for (const word of ['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'BUSY', 'NOAUTH', 'WRONGPASS']) {
    const { run, commands, reports } = createCommands(t)
    for (let i = 0; i < 3; i++) await run(refuses(`${word} x`))
    t.notOk(commands.available, word)
    t.strictSame(reports, [`${word} x`])
  }
})

t.test('an EVALSHA of a script that Redis does not have yet is no error', async (t) => {
  const { client, commands } = createCommands(t)
  const outcomes: string[] = []
  const listener = (event: unknown) => {
    const { client: sender, outcome } = event as RedisEvent
    if (sender === client as unknown) outcomes.push(outcome)
  }
  subscribe(REDIS_CHANNEL, listener)
  t.teardown(() => unsubscribe(REDIS_CHANNEL, listener))
  for (const message of ['NOSCRIPT No matching script.', 'ERR x']) {
    await t.rejects(commands.run('EVALSHA', refuses(message)), { message })
  }
  t.strictSame(outcomes, ['ok', 'error'])
})

t.test('a connection that is lost and restored at once is not reported, even with commands in flight', async (t) => {
  const { client, commands, reports, run, sent } = createCommands(t)
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
  const { client, commands, reports } = createCommands(t)
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
  await t.rejects(async () => store.get('key'), { code: 'FST_ERR_LARDER_REDIS_UNAVAILABLE' })
  client.status = 'ready'
  client.emit('ready')
  await until('the recovery is reported', () => reports.length === 2)
  t.equal(await store.get('key'), undefined)
  t.strictSame(reports, [[false, 'ECONNREFUSED'], [true, undefined]])
  await store.close()
})

t.test('a client that has no connection yet is unavailable until it is ready', async (t) => {
  for (const status of ['reconnecting', 'close', 'end']) {
    const { client, commands, reports } = createCommands(t, { status })
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

t.test('closed while it is available, it stays available', async (t) => {
  const { commands, run, reports } = createCommands(t, { commandTimeout: 5 })
  commands.close()
  for (let i = 0; i < 4; i++) await run(never)
  t.ok(commands.available)
  t.strictSame(reports, [])
})
