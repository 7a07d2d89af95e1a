import type { Redis } from 'ioredis'
import t from 'tap'
import { startProxy } from '../../../support/proxy.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'
import { untilClosed } from '../../../support/until-closed.ts'
import { connect, listenToBackplane, untilCaughtUp, connections, FAST } from '../../../support/redis-backplane.ts'

t.test('after a lost connection caughtUpTo stops, and a new channel opens', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const { backplane, reports } = listenToBackplane(t, client)
  for (const flag of ['P', 't']) {
    await untilCaughtUp(backplane)
    const before = reports.all
    const [id] = await connections(client, flag)
    await client.client('KILL', 'ID', id!)
    await until('onAll() is called', () => reports.all > before)
    await client.set(`test:${flag}`, 1)
    await untilCaughtUp(backplane)
    t.ok(reports.entries.includes(flag))
  }
  await until('no connection is left over', async () =>
    (await connections(client, 'P')).length === 1 && (await connections(client, 't')).length === 1)
})

t.test('while Redis hangs caughtUpTo stops, and a new channel opens later', async (t) => {
  const { url, pid } = await startRedis(t)
  const client = connect(t, url)
  const { backplane, reports } = listenToBackplane(t, client, { ...FAST, deadlineMs: 200 })
  await untilCaughtUp(backplane)
  const opened = reports.all
  process.kill(pid, 'SIGSTOP')
  const stoppedAt = Date.now()
  // Long enough for several channels to miss their deadlines.
  await until('a second is over', () => Date.now() > stoppedAt + 1_000)
  t.ok(backplane.caughtUpTo <= stoppedAt)
  t.equal(reports.all, opened)
  process.kill(pid, 'SIGCONT')
  await untilCaughtUp(backplane)
  t.ok(reports.all > opened)
  await until('no connection is left over', async () => (await connections(client, 'P')).length === 1)
})

t.test('after Redis restarts a new channel opens', async (t) => {
  const { url, port, pid } = await startRedis(t)
  const client = connect(t, url)
  const { backplane, reports } = listenToBackplane(t, client)
  await untilCaughtUp(backplane)
  const opened = reports.all
  process.kill(pid, 'SIGKILL')
  await untilClosed(client)
  await startRedis(t, '--port', String(port))
  await untilCaughtUp(backplane)
  t.ok(reports.all > opened)
  await client.set('test:key', 1)
  await untilCaughtUp(backplane)
  t.ok(reports.entries.includes('key'))
})

t.test('if the connection goes silent caughtUpTo stops, and a new channel opens later', async (t) => {
  const { port } = await startRedis(t)
  const line = await startProxy(t, port)
  const client = connect(t, line.url)
  const { backplane, reports } = listenToBackplane(t, client, { ...FAST, deadlineMs: 300 })
  await untilCaughtUp(backplane)
  const opened = reports.all
  line.blackHole()
  const deadAt = Date.now()
  await until('it has reconnected', () => Date.now() > deadAt + 1_000)
  t.ok(backplane.caughtUpTo <= deadAt)
  line.pass()
  await untilCaughtUp(backplane)
  t.ok(reports.all > opened)
})

t.test('caughtUpTo does not advance if the client of the store is connected to another Redis', async (t) => {
  const [redis, another] = await Promise.all([startRedis(t), startRedis(t)])
  const client = connect(t, redis.url)
  const astray = connect(t, another.url)
  client.eval = astray.eval.bind(astray) as Redis['eval']
  const { backplane, reports } = listenToBackplane(t, client, { ...FAST, deadlineMs: 300 })
  await until('it has reconnected', () => reports.all > 1)
  t.equal(backplane.caughtUpTo, -Infinity)
})

t.test('heartbeats without a reply do not pile up', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const held = Promise.withResolvers<void>()
  const sendHeartbeat = client.eval.bind(client) as (...args: unknown[]) => Promise<unknown>
  let heartbeats = 0
  client.eval = (async (...args: unknown[]) => {
    if (heartbeats++ === 0) await held.promise
    await sendHeartbeat(...args)
  }) as unknown as Redis['eval']
  const { backplane, reports } = listenToBackplane(t, client, { ...FAST, deadlineMs: 300 })
  await until('it has reconnected some times', () => reports.all > 3)
  t.equal(heartbeats, 1)
  held.resolve()
  await untilCaughtUp(backplane)
})

t.test('if Redis forbids tracking, caughtUpTo does not advance', async (t) => {
  const { url, port } = await startRedis(t)
  await connect(t, url).call('ACL', 'SETUSER', 'deaf', 'on', '>pw', '~*', '&*', '+@all', '-client|tracking')
  const client = connect(t, `redis://deaf:pw@127.0.0.1:${port}`)
  let tries = 0
  const duplicate = client.duplicate.bind(client)
  client.duplicate = (options) => {
    tries++
    return duplicate(options)
  }
  const { backplane } = listenToBackplane(t, client)
  await until('it has reconnected some times', () => tries > 6)
  t.equal(backplane.caughtUpTo, -Infinity)
  t.equal(client.status, 'ready')
})

t.test('while Redis refuses writes caughtUpTo does not advance, and changes are still reported', async (t) => {
  const { url } = await startRedis(t)
  const [client, admin] = [connect(t, url), connect(t, url)]
  await admin.set('test:key', 1)
  const { backplane, reports } = listenToBackplane(t, client)
  await untilCaughtUp(backplane)
  const refusals = async () => Number(/errorstat_OOM:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0)
  await admin.config('SET', 'maxmemory', 1)
  await until('heartbeats are refused', async () => await refusals() > 3)
  const { caughtUpTo } = backplane
  t.equal(reports.all, 1, 'the channel stays')
  await admin.del('test:key')
  await until('the deletion is reported', () => reports.entries.includes('key'))
  t.equal(backplane.caughtUpTo, caughtUpTo)
  await admin.config('SET', 'maxmemory', 0)
  await untilCaughtUp(backplane)
  t.equal(reports.all, 1)
})

t.test('a heartbeat that is refused after the channel was closed has no effect', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const held = Promise.withResolvers<never>()
  let heartbeats = 0
  client.eval = (() => {
    heartbeats++
    return held.promise
  }) as unknown as Redis['eval']
  const { backplane } = listenToBackplane(t, client)
  await until('a heartbeat was sent', () => heartbeats === 1)
  backplane.close()
  held.reject(Object.assign(new Error('OOM'), { name: 'ReplyError' }))
  await until('no connection is left over', async () => (await connections(client, 't')).length === 0)
  t.equal(heartbeats, 1)
})

t.test('attempts to reconnect become rarer', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  await client.call('CONFIG', 'SET', 'maxclients', 1)
  let tries = 0
  const duplicate = client.duplicate.bind(client)
  client.duplicate = (options) => {
    tries++
    return duplicate(options)
  }
  const { backplane } = listenToBackplane(t, client, { heartbeatMs: 10, retryMs: 100, maxRetryMs: 400 })
  const beganAt = Date.now()
  await until('two seconds are over', () => Date.now() > beganAt + 2_000)
  // After at least 50 and 100 milliseconds, and from then on at least 200 apart.
  t.ok(tries / 2 >= 2 && tries / 2 <= 12, 'attempts', { tries })
  await client.call('CONFIG', 'SET', 'maxclients', 1_000)
  await untilCaughtUp(backplane)
})
