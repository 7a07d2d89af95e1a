import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { type RedisFeed, redisBackplane, type RedisFeedTiming } from '../../../../src/cache/stores/redis/backplane.ts'
import { startProxy } from '../../../support/proxy.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'
import { untilClosed } from '../../../support/until-closed.ts'

const FAST: Partial<RedisFeedTiming> = { beatMs: 10, deadlineMs: 2_000, retryMs: 10, maxRetryMs: 100 }

/** A client of one test. */
function connect (t: Test, url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 20 })
  client.on('error', () => {}) // Redis is stopped and killed here
  t.teardown(() => client.disconnect())
  return client
}

/** A feed, and what it has told. */
function listen (t: Test, client: Redis, timing: Partial<RedisFeedTiming> = FAST, prefix = 'test', now = Date.now) {
  const feed = redisBackplane(client, prefix, now, timing)!
  t.teardown(() => feed.close())
  const told = { entries: [] as string[], tags: 0, all: 0 }
  feed.listen({
    onEntry (key) { told.entries.push(key) },
    onTag () { told.tags++ },
    onAll () { told.all++ }
  })
  return { feed, told }
}

/** All that was changed until now has been told. */
async function caughtUp (feed: RedisFeed): Promise<void> {
  const now = Date.now() + 1 // what was changed in this millisecond may have come after a beat of this millisecond
  await until('the feed has caught up', () => feed.caughtUpTo >= now)
}

/** The connections that Redis has with a flag, by their ids. */
async function connections (client: Redis, flag: string): Promise<string[]> {
  const list = String(await client.client('LIST')).trim().split('\n')
  return list.filter((line) => / flags=(\w+)/.exec(line)![1]!.includes(flag)).map((line) => / ?id=(\d+)/.exec(line)![1]!)
}

t.test('it tells of every change, whoever makes it', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const other = connect(t, url)
  const { feed, told } = listen(t, client)
  t.equal(feed.caughtUpTo, -Infinity)
  await caughtUp(feed)
  t.strictSame(told, { entries: [], tags: 0, all: 1 }, 'what was before it is not known')

  const changes: Record<string, () => Promise<unknown>> = {
    'a write': () => other.set('test:key', 1),
    'another life': () => other.pexpire('test:key', 1_000_000),
    'a deletion': () => other.del('test:key'),
    'a write of its own': () => client.set('test:key', 1),
    'a script': () => other.eval("return redis.call('APPEND', KEYS[1], 'x')", 1, 'test:key'),
    'another database': () => other.multi().select(1).set('test:key', 1).select(0).exec()
  }
  for (const [what, change] of Object.entries(changes)) {
    told.entries = []
    await change()
    await caughtUp(feed)
    t.strictSame(told.entries, ['key'], what)
  }

  told.entries = []
  await other.set('test:short', 1, 'PX', 1)
  await until('the end of a life is told', () => told.entries.length === 2)
  t.strictSame(told, { entries: ['short', 'short'], tags: 0, all: 1 })

  told.entries = []
  await other.mset('test:', 1, 'test:ключ #{1} 🧀', 2, 'test:test:key', 3)
  await caughtUp(feed)
  t.strictSame(told.entries.sort(), ['', 'test:key', 'ключ #{1} 🧀'])

  await other.set('test#{test}tag:a', 1)
  await caughtUp(feed)
  t.equal(told.tags, 1)
  await other.incr('test#{test}clock')
  await caughtUp(feed)
  t.equal(told.tags, 2)

  await other.flushall()
  await caughtUp(feed)
  t.equal(told.all, 2)
  await other.set('test:key', 1)
  await other.flushdb('ASYNC')
  await caughtUp(feed)
  t.equal(told.all, 3)
})

t.test('it tells of what Redis evicts', async (t) => {
  const { url } = await startRedis(t, '--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-lru')
  const client = connect(t, url)
  const other = connect(t, url)
  await other.set('test:first', 1)
  const { feed, told } = listen(t, client)
  await caughtUp(feed)
  for (let i = 0; !told.entries.includes('first'); i++) await other.set(`filler ${i}`, 'x'.repeat(100_000))
  t.equal(await other.exists('test:first'), 0)
})

t.test('it tells of no keys but those of its prefix, and leaves none behind', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const { feed, told } = listen(t, client)
  const { feed: neighbour } = listen(t, connect(t, url))
  await caughtUp(feed)
  await caughtUp(neighbour)
  await client.mset('test', 1, 'test2:key', 1, 'tes:t', 1, 'test#{test}else', 1, 'test#{tes}tag:a', 1, 'test2#{test2}tag:a', 1, 'x:test:key', 1)
  await caughtUp(feed)
  t.strictSame(told, { entries: [], tags: 0, all: 1 })
  t.equal((await client.keys('*')).length, 7)
})

t.test('it counts by the clock that it is given, from when a beat was sent', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  let now = 1_000
  let late = 0
  const beat = client.eval.bind(client) as (...args: unknown[]) => Promise<unknown>
  client.eval = ((...args: unknown[]) => {
    now += late
    return beat(...args)
  }) as Redis['eval']
  const { feed } = listen(t, client, FAST, 'test', () => now)
  await until('the first beat is heard', () => feed.caughtUpTo === 1_000)
  now = 2_000
  await until('another is heard', () => feed.caughtUpTo === 2_000)
  late = 1_000
  await until('some more are heard', () => {
    t.ok(feed.caughtUpTo <= now - 1_000 || now === 2_000)
    return feed.caughtUpTo > 5_000
  })
})

t.test('none of its connections is idle', async (t) => {
  const { url } = await startRedis(t, '--timeout', '1')
  const { feed, told } = listen(t, connect(t, url))
  const end = Date.now() + 3_000
  await until('three seconds are over', () => Date.now() > end)
  await caughtUp(feed)
  t.equal(told.all, 1)
})

t.test('it beats by itself in its default timing', async (t) => {
  const { url } = await startRedis(t)
  const { feed } = listen(t, connect(t, url), {})
  await caughtUp(feed)
  await caughtUp(feed)
  const age = Date.now() - feed.caughtUpTo
  t.ok(age < 5_000, 'it is not far behind', { age })
})

t.test('all listeners are told, over one channel', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const { feed, told } = listen(t, client)
  const heard: string[] = []
  feed.listen({ onEntry (key) { heard.push(key) }, onTag () {}, onAll () {} })
  await caughtUp(feed)
  await client.set('test:key', 1)
  await caughtUp(feed)
  t.strictSame([told.entries, heard], [['key'], ['key']])
  t.equal((await connections(client, 'P')).length, 1)
})

t.test('a connection that is lost stops it, and it begins again', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const { feed, told } = listen(t, client)
  for (const flag of ['P', 't']) {
    await caughtUp(feed)
    const before = told.all
    const [id] = await connections(client, flag)
    await client.client('KILL', 'ID', id!)
    await until('it says that changes may have been missed', () => told.all > before)
    await client.set(`test:${flag}`, 1)
    await caughtUp(feed)
    t.ok(told.entries.includes(flag))
  }
  await until('no connection is left over', async () =>
    (await connections(client, 'P')).length === 1 && (await connections(client, 't')).length === 1)
})

t.test('a Redis that hangs stops it, and it begins again', async (t) => {
  const { url, pid } = await startRedis(t)
  const client = connect(t, url)
  const { feed, told } = listen(t, client, { ...FAST, deadlineMs: 200 })
  await caughtUp(feed)
  const opened = told.all
  process.kill(pid, 'SIGSTOP')
  const stoppedAt = Date.now()
  // Longer than several attempts take, to be set up or to hear a beat.
  await until('a second is over', () => Date.now() > stoppedAt + 1_000)
  t.ok(feed.caughtUpTo <= stoppedAt)
  t.equal(told.all, opened)
  process.kill(pid, 'SIGCONT')
  await caughtUp(feed)
  t.ok(told.all > opened)
  await until('no connection is left over', async () => (await connections(client, 'P')).length === 1)
})

t.test('a Redis that is gone stops it, and the next one at its place is heard', async (t) => {
  const { url, port, pid } = await startRedis(t)
  const client = connect(t, url)
  const { feed, told } = listen(t, client)
  await caughtUp(feed)
  const opened = told.all
  process.kill(pid, 'SIGKILL')
  await untilClosed(client)
  await startRedis(t, '--port', String(port))
  await caughtUp(feed)
  t.ok(told.all > opened)
  await client.set('test:key', 1)
  await caughtUp(feed)
  t.ok(told.entries.includes('key'))
})

t.test('a line that goes dead without a word stops it, and it begins again', async (t) => {
  const { port } = await startRedis(t)
  const line = await startProxy(t, port)
  const client = connect(t, line.url)
  const { feed, told } = listen(t, client, { ...FAST, deadlineMs: 300 })
  await caughtUp(feed)
  const opened = told.all
  line.blackHole()
  const deadAt = Date.now()
  await until('it has tried again', () => Date.now() > deadAt + 1_000)
  t.ok(feed.caughtUpTo <= deadAt)
  line.pass()
  await caughtUp(feed)
  t.ok(told.all > opened)
})

t.test('it does not move on while the store itself talks to nobody, or to another Redis', async (t) => {
  const [redis, another] = await Promise.all([startRedis(t), startRedis(t)])
  const client = connect(t, redis.url)
  const astray = connect(t, another.url)
  client.eval = astray.eval.bind(astray) as Redis['eval']
  const { feed, told } = listen(t, client, { ...FAST, deadlineMs: 300 })
  await until('it has tried again', () => told.all > 1)
  t.equal(feed.caughtUpTo, -Infinity)
})

t.test('beats that are not answered do not pile up', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const held = Promise.withResolvers<void>()
  const beat = client.eval.bind(client) as (...args: unknown[]) => Promise<unknown>
  let beats = 0
  client.eval = (async (...args: unknown[]) => {
    if (beats++ === 0) await held.promise
    await beat(...args)
  }) as unknown as Redis['eval']
  const { feed, told } = listen(t, client, { ...FAST, deadlineMs: 300 })
  await until('it has tried some times', () => told.all > 3)
  t.equal(beats, 1)
  held.resolve()
  await caughtUp(feed)
})

t.test('where Redis does not let it track keys, or write, it stays silent', async (t) => {
  const { url, port } = await startRedis(t)
  const admin = connect(t, url)
  for (const [user, may] of [['deaf', '-client|tracking'], ['mute', '-eval']]) {
    await admin.call('ACL', 'SETUSER', user!, 'on', '>pw', '~*', '&*', '+@all', may!)
    const client = connect(t, `redis://${user}:pw@127.0.0.1:${port}`)
    let tries = 0
    const duplicate = client.duplicate.bind(client)
    client.duplicate = (options) => {
      tries++
      return duplicate(options)
    }
    const { feed } = listen(t, client)
    await until('it has tried some times', () => tries > 6)
    t.equal(feed.caughtUpTo, -Infinity)
    t.equal(client.status, 'ready')
  }
})

t.test('attempts that fail get rarer', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  await client.call('CONFIG', 'SET', 'maxclients', 1)
  let tries = 0
  const duplicate = client.duplicate.bind(client)
  client.duplicate = (options) => {
    tries++
    return duplicate(options)
  }
  const { feed } = listen(t, client, { beatMs: 10, retryMs: 100, maxRetryMs: 400 })
  const beganAt = Date.now()
  await until('two seconds are over', () => Date.now() > beganAt + 2_000)
  // After at least 50 and 100 milliseconds, and from then on at least 200 apart.
  t.ok(tries / 2 >= 2 && tries / 2 <= 12, 'attempts', { tries })
  await client.call('CONFIG', 'SET', 'maxclients', 1_000)
  await caughtUp(feed)
})

t.test('there is none for a cluster', async (t) => {
  const cluster = new Cluster([{ port: 1 }], { lazyConnect: true })
  t.teardown(() => cluster.disconnect())
  t.equal(redisBackplane(cluster, 'test', Date.now), undefined)
})

t.test('closed, it holds no connection and stands still, at whatever moment', async (t) => {
  const { url } = await startRedis(t)
  const client = connect(t, url)
  const alone = async () => (await connections(client, 'P')).length === 0 && (await connections(client, 't')).length === 0

  redisBackplane(client, 'test', Date.now)!.close()

  const open = listen(t, client)
  await caughtUp(open.feed)
  open.feed.close()
  const { caughtUpTo } = open.feed
  await until('the connections are closed', alone)
  t.equal(open.feed.caughtUpTo, caughtUpTo)

  const early = listen(t, client)
  early.feed.close()
  await until('the connections are closed', alone)
  t.equal(early.feed.caughtUpTo, -Infinity)

  // Between the answer that sets it up and the first beat.
  const duplicate = client.duplicate.bind(client)
  const atTheLastMoment = Promise.withResolvers<void>()
  client.duplicate = (options) => {
    const connection = duplicate(options)
    const call = connection.call.bind(connection) as (...args: unknown[]) => Promise<unknown>
    connection.call = (async (...args: unknown[]) => {
      const answer = await call(...args)
      late.feed.close()
      atTheLastMoment.resolve()
      return answer
    }) as Redis['call']
    return connection
  }
  const late = listen(t, client)
  await atTheLastMoment.promise
  await until('the connections are closed', alone)
  t.strictSame([late.told.all, late.feed.caughtUpTo], [0, -Infinity])
})

t.test('it keeps no process alive that is done with it', async (t) => {
  const { url, pid } = await startRedis(t)
  const program = (end: string) => `
    import { Redis } from 'ioredis'
    import { redisBackplane } from './src/cache/stores/redis/backplane.ts'
    const client = new Redis(${JSON.stringify(url)}, { disconnectTimeout: 100 })
    const feed = redisBackplane(client, 'test', Date.now)
    feed.listen({ onEntry () {}, onTag () {}, onAll () {} })
    while (feed.caughtUpTo < 0) await new Promise((resolve) => setTimeout(resolve, 5))
    ${end}`
  const stop = `process.kill(${pid}, 'SIGSTOP')`
  for (const end of ['feed.close(); client.disconnect()', 'client.disconnect()', `${stop}; feed.close(); client.disconnect()`]) {
    await t.resolves(promisify(execFile)(process.execPath, ['--input-type=module', '-e', program(end)], { timeout: 20_000 }), end)
    process.kill(pid, 'SIGCONT')
  }
})
