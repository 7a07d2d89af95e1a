import { spawnSync } from 'node:child_process'
import { Redis } from 'ioredis'
import t from 'tap'
import { RedisUnavailableError } from '../../../../src/cache/errors.ts'
import { RedisCommands } from '../../../../src/cache/stores/redis/commands.ts'
import { block } from '../../../support/block.ts'
import { startRedis } from '../../../support/redis.ts'
import { createCommands, never } from '../../../support/redis-commands.ts'

const redis = await startRedis(t)

t.test('a command that misses its deadline rejects with RedisUnavailableError; late replies are ignored', async (t) => {
  const { run, commands, reports } = createCommands(t, { commandTimeout: 10 })
  const [late, failing] = [Promise.withResolvers<unknown>(), Promise.withResolvers<unknown>()]
  const error = await run(() => late.promise)
  t.match(error, {
    code: 'FST_ERR_LARDER_REDIS_UNAVAILABLE', message: 'Redis did not reply within 10 ms.'
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
  const { run, reports } = createCommands(t, { commandTimeout: 20 })
  const { promise, resolve } = Promise.withResolvers<string>()
  const reply = run(() => promise)
  block(200)
  setTimeout(() => resolve('in time'), 5)
  t.equal(await reply, 'in time')
  t.type(await run(never), RedisUnavailableError)
  t.strictSame(reports, [])
})

t.test('an event loop that is always blocked extends a deadline once', async (t) => {
  const { run } = createCommands(t, { commandTimeout: 20 })
  const busy = setInterval(() => block(60), 0)
  t.teardown(() => clearInterval(busy))
  const startedAt = performance.now()
  t.type(await run(never), RedisUnavailableError)
  clearInterval(busy)
  t.ok(performance.now() - startedAt < 1_000)
})

t.test('at most 256 commands are in flight; others are sent when those settle', async (t) => {
  const { commands, sent, run, reports } = createCommands(t, { commandTimeout: 1_000 })
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
  const { client, sent, run } = createCommands(t, { commandTimeout: 20_000 })
  const inFlight = Promise.withResolvers<never>()
  const replies = Array.from({ length: 300 }, () => run(() => inFlight.promise))
  client.emit('close')
  t.match(await Promise.all(replies.slice(256)), Array(44).fill({ code: 'FST_ERR_LARDER_REDIS_UNAVAILABLE' }))
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
  const { client, commands, reports, run } = createCommands(t)
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
