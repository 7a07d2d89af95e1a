import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Redis } from 'ioredis'
import { Cluster } from 'ioredis'
import t from 'tap'
import { redisBackplane } from '../../../../src/cache/stores/redis/backplane.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'
import { connect, listenToBackplane, untilCaughtUp, FAST, connections } from '../../../support/redis-backplane.ts'

t.test('every change is reported, by any connection and command', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const other = connect(t, url)
  const { backplane, reports } = listenToBackplane(t, client)
  t.equal(backplane.caughtUpTo, -Infinity)
  await untilCaughtUp(backplane)
  t.strictSame(reports, { entries: [], tags: 0, all: 1 }, 'earlier changes are unknown')

  const changes: Record<string, () => Promise<unknown>> = {
    'a write': () => other.set('test:key', 1),
    'a new expiry': () => other.pexpire('test:key', 1_000_000),
    'a deletion': () => other.del('test:key'),
    'a write by the client itself': () => client.set('test:key', 1),
    'a script': () => other.eval("return redis.call('APPEND', KEYS[1], 'x')", 1, 'test:key'),
    'another database': () => other.multi().select(1).set('test:key', 1).select(0).exec()
  }
  for (const [what, change] of Object.entries(changes)) {
    reports.entries = []
    await change()
    await untilCaughtUp(backplane)
    t.strictSame(reports.entries, ['key'], what)
  }

  reports.entries = []
  await other.set('test:short', 1, 'PX', 1)
  await until('the expiry is reported', () => reports.entries.length === 2)
  t.strictSame(reports, { entries: ['short', 'short'], tags: 0, all: 1 })

  reports.entries = []
  await other.mset('test:', 1, 'test:ключ #{1} 🧀', 2, 'test:test:key', 3)
  await untilCaughtUp(backplane)
  t.strictSame(reports.entries.sort(), ['', 'test:key', 'ключ #{1} 🧀'])

  await other.set('test#{test}tag:a', 1)
  await untilCaughtUp(backplane)
  t.equal(reports.tags, 1)
  await other.incr('test#{test}clock')
  await untilCaughtUp(backplane)
  t.equal(reports.tags, 2)

  await other.flushall()
  await untilCaughtUp(backplane)
  t.equal(reports.all, 2)
  await other.set('test:key', 1)
  await other.flushdb('ASYNC')
  await untilCaughtUp(backplane)
  t.equal(reports.all, 3)
})

t.test('evictions are reported', async (t) => {
  const { url } = await startRedis(t, '--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-lru')
  const client = connect(t, url)
  const other = connect(t, url)
  await other.set('test:first', 1)
  const { backplane, reports } = listenToBackplane(t, client)
  await untilCaughtUp(backplane)
  for (let i = 0; !reports.entries.includes('first'); i++) await other.set(`filler ${i}`, 'x'.repeat(100_000))
  t.equal(await other.exists('test:first'), 0)
})

t.test('keys of other prefixes are not reported, and heartbeats leave no keys', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const { backplane, reports } = listenToBackplane(t, client)
  const { backplane: neighbour } = listenToBackplane(t, connect(t, url))
  await untilCaughtUp(backplane)
  await untilCaughtUp(neighbour)
  await client.mset('test', 1, 'test2:key', 1, 'tes:t', 1, 'test#{test}else', 1, 'test#{tes}tag:a', 1,
    'test2#{test2}tag:a', 1, 'x:test:key', 1)
  await untilCaughtUp(backplane)
  t.strictSame(reports, { entries: [], tags: 0, all: 1 })
  t.equal((await client.keys('*')).length, 7)
})

t.test('caughtUpTo is when the heartbeat was sent, by the given clock', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  let now = 1_000
  let delay = 0
  const sendHeartbeat = client.eval.bind(client) as (...args: unknown[]) => Promise<unknown>
  client.eval = ((...args: unknown[]) => {
    now += delay
    return sendHeartbeat(...args)
  }) as Redis['eval']
  const { backplane } = listenToBackplane(t, client, FAST, 'test', () => now)
  await until('the first heartbeat has arrived', () => backplane.caughtUpTo === 1_000)
  now = 2_000
  await until('the next one has arrived', () => backplane.caughtUpTo === 2_000)
  delay = 1_000
  await until('some more have arrived', () => {
    t.ok(backplane.caughtUpTo <= now - 1_000 || now === 2_000)
    return backplane.caughtUpTo > 5_000
  })
})

t.test('no connection is idle', async (t) => {
  const { url } = await startRedis(t, '--timeout', '1')
  const { backplane, reports } = listenToBackplane(t, connect(t, url))
  const end = Date.now() + 3_000
  await until('three seconds are over', () => Date.now() > end)
  await untilCaughtUp(backplane)
  t.equal(reports.all, 1)
})

t.test('heartbeats follow each other in the default timing', async (t) => {
  const { url } = await startRedis(t)
  const { backplane } = listenToBackplane(t, connect(t, url), {})
  await untilCaughtUp(backplane)
  await untilCaughtUp(backplane)
  const age = Date.now() - backplane.caughtUpTo
  t.ok(age < 5_000, 'caughtUpTo is recent', { age })
})

t.test('all listeners are called, over one channel', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const { backplane, reports } = listenToBackplane(t, client)
  const others: string[] = []
  backplane.listen({ onEntry (key) { others.push(key) }, onTag () {}, onAll () {} })
  await untilCaughtUp(backplane)
  await client.set('test:key', 1)
  await untilCaughtUp(backplane)
  t.strictSame([reports.entries, others], [['key'], ['key']])
  t.equal((await connections(client, 'P')).length, 1)
})

t.test('redisBackplane() returns undefined for a cluster', async (t) => {
  const cluster = new Cluster([{ port: 1 }], { lazyConnect: true })
  t.teardown(() => cluster.disconnect())
  t.equal(redisBackplane(cluster, 'test', Date.now), undefined)
})

t.test('close() ends all connections and reports, at any moment', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const isAlone = async () => {
    const [receivers, trackers] = await Promise.all([connections(client, 'P'), connections(client, 't')])
    return receivers.length + trackers.length === 0
  }

  redisBackplane(client, 'test', Date.now)!.close()

  const open = listenToBackplane(t, client)
  await untilCaughtUp(open.backplane)
  open.backplane.close()
  const { caughtUpTo } = open.backplane
  await until('the connections are closed', isAlone)
  t.equal(open.backplane.caughtUpTo, caughtUpTo)

  const early = listenToBackplane(t, client)
  early.backplane.close()
  await until('the connections are closed', isAlone)
  t.equal(early.backplane.caughtUpTo, -Infinity)

  // Between the reply to CLIENT TRACKING and the first heartbeat.
  const duplicate = client.duplicate.bind(client)
  const atTheLastMoment = Promise.withResolvers<void>()
  client.duplicate = (options) => {
    const connection = duplicate(options)
    const call = connection.call.bind(connection) as (...args: unknown[]) => Promise<unknown>
    connection.call = (async (...args: unknown[]) => {
      const answer = await call(...args)
      late.backplane.close()
      atTheLastMoment.resolve()
      return answer
    }) as Redis['call']
    return connection
  }
  const late = listenToBackplane(t, client)
  await atTheLastMoment.promise
  await until('the connections are closed', isAlone)
  t.strictSame([late.reports.all, late.backplane.caughtUpTo], [0, -Infinity])
})

t.test('the backplane does not keep a process alive', async (t) => {
  const { url, pid } = await startRedis(t)
  const program = (end: string) => `
    import { Redis } from 'ioredis'
    import { redisBackplane } from './src/cache/stores/redis/backplane.ts'
    const client = new Redis(${JSON.stringify(url)}, { disconnectTimeout: 100 })
    const backplane = redisBackplane(client, 'test', Date.now)
    backplane.listen({ onEntry () {}, onTag () {}, onAll () {} })
    while (backplane.caughtUpTo < 0) await new Promise((resolve) => setTimeout(resolve, 5))
    ${end}`
  const close = 'backplane.close(); client.disconnect()'
  const ends = [close, 'client.disconnect()', `process.kill(${pid}, 'SIGSTOP'); ${close}`]
  for (const end of ends) {
    const args = ['--input-type=module', '-e', program(end)]
    await t.resolves(promisify(execFile)(process.execPath, args, { timeout: 20_000 }), end)
    process.kill(pid, 'SIGCONT')
  }
})
