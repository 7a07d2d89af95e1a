import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { testApp } from '../support/app.ts'
import { freePort, type PrivateRedis, startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const URL = '/api/products'
const RECOVERED = 'Redis has recovered: circuit closed'
const UNAVAILABLE = 'Redis is unavailable: circuit open, continuing without it'
/** Milliseconds that a response may take at most on a slow machine under load; twenty times the usual duration. */
const SOON = 6_000
/** Milliseconds within which a connection is surely back before the circuit breaker probes for the first time. */
const AT_ONCE = 200

/** Collects log lines, and waits for them. */
function recordLog () {
  const lines: Array<{ msg: string, err?: { message: string } }> = []
  let wake = () => {}
  return {
    stream: {
      write (line: string) {
        lines.push(JSON.parse(line))
        wake()
      }
    },
    /** The lines that report that the circuit has opened or closed. */
    changes: () => lines.map(({ msg }) => msg).filter((msg) => msg === RECOVERED || msg === UNAVAILABLE),
    find: (text: string) => lines.find(({ msg }) => msg === text),
    /** Resolves when this many changes were logged. */
    async untilChanges (count: number) {
      while (this.changes().length < count) await new Promise<void>((resolve) => { wake = resolve })
    }
  }
}

/** The service with Redis at this URL, and its log. */
async function startService (t: Test, url: string) {
  const log = recordLog()
  const app = await testApp(t, { REDIS_URL: url }, { logger: { level: 'info', stream: log.stream } })
  const titles = async () => {
    const { items } = (await app.inject({ url: `${URL}?limit=100` })).json<{ items: Array<{ title: string }> }>()
    return items.slice(0, 2).map(({ title }) => title)
  }
  const create = async (title: string) => {
    const { statusCode } = await app.inject({ method: 'POST', url: URL, payload: { title, price: '1' } })
    return statusCode
  }
  return { app, log, titles, create }
}

/** A client of the test itself. */
function connect (t: Test, { port }: { port: number }): Redis {
  const redis = new Redis(port, '127.0.0.1')
  t.teardown(() => redis.disconnect())
  return redis
}

/** Returns the result of `work`, and fails if it takes long. */
async function soon<T> (t: Test, name: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const result = await work()
  const ms = performance.now() - startedAt
  t.ok(ms < SOON, `${name} took ${ms.toFixed(0)} ms`)
  return result
}

/** Makes Redis hang; returns how to resume it. */
function pause (t: Test, { pid }: PrivateRedis): () => void {
  const resume = () => { process.kill(pid, 'SIGCONT') }
  process.kill(pid, 'SIGSTOP')
  t.teardown(resume)
  return resume
}

t.test('the product list is stored in Redis, in the database of REDIS_URL and under CACHE_KEY_PREFIX', async (t) => {
  const server = await startRedis(t)
  const app = await testApp(t, {
    REDIS_URL: `redis://127.0.0.1:${server.port}/3`, CACHE_KEY_PREFIX: 'mine', CACHE_TTL: '7'
  })
  await app.inject({ url: URL })
  const other = connect(t, server)
  t.same(await other.keys('*'), [])
  await other.select(3)
  const keys = await other.keys('*')
  t.ok(keys.includes('mine:product_objects'))
  t.ok(keys.every((key) => /^mine[:#]/.test(key)), keys.join())
  const ttl = await other.pttl('mine:product_objects')
  t.ok(ttl > 0 && ttl <= 7_000, `${ttl} ms left`)
  t.match((await app.inject({ url: URL })).headers['server-timing'], 'product_objects;desc="hit"')
})

t.test('the service starts and works without Redis, and uses Redis as soon as it is available', async (t) => {
  const port = await freePort()
  const { log, titles, create } = await soon(t, 'the start', () => startService(t, `redis://127.0.0.1:${port}/0`))
  await log.untilChanges(1)
  t.same(log.changes(), [UNAVAILABLE])
  t.match(log.find(UNAVAILABLE)!.err, { code: 'ECONNREFUSED' })
  const [newest] = await titles()
  t.equal(await soon(t, 'a mutation', () => create('new')), 201)
  t.same(await soon(t, 'the list', titles), ['new', newest])

  await startRedis(t, '--port', String(port))
  await log.untilChanges(2)
  t.same(log.changes(), [UNAVAILABLE, RECOVERED])
  const other = connect(t, { port })
  await until('the list is stored', async () => {
    await titles()
    return await other.exists('larder:product_objects') === 1
  })
  await create('newer')
  t.equal(await other.exists('larder:product_objects'), 0)
  t.same(await titles(), ['newer', 'new'])
})

t.test('the service continues when Redis stops, and uses it again after a restart', async (t) => {
  const server = await startRedis(t)
  const { log, titles, create } = await startService(t, server.url)
  await titles()
  process.kill(server.pid, 'SIGKILL')
  await log.untilChanges(1)
  t.equal(await soon(t, 'a mutation', () => create('new')), 201)
  t.equal((await soon(t, 'the list', titles))[0], 'new')
  await startRedis(t, '--port', String(server.port))
  await log.untilChanges(2)
  t.same(log.changes(), [UNAVAILABLE, RECOVERED], 'one line per change, however many attempts fail')
  const other = connect(t, server)
  await until('the list is stored', async () => {
    await titles()
    return await other.exists('larder:product_objects') === 1
  })
})

t.test('a connection that is lost and restored at once is not logged', async (t) => {
  const server = await startRedis(t)
  const { app, log, titles } = await startService(t, server.url)
  const other = connect(t, server)
  const next = (event: string) => new Promise<number>((resolve) => {
    app.redis.once(event, () => { resolve(performance.now()) })
  })
  let logged: string[]
  let ms: number
  do { // again if a busy machine takes too long
    const before = log.changes().length
    const [lost, found] = [next('close'), next('ready')]
    await other.call('CLIENT', 'KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES')
    ms = await found - await lost
    await until('the list is stored again', async () => {
      await titles()
      return await other.exists('larder:product_objects') === 1
    })
    logged = log.changes().slice(before)
    await other.flushdb()
  } while (ms > AT_ONCE)
  t.same(logged, [])
})

t.test('a Redis that hangs delays responses for a bounded time, and is used again when it resumes', async (t) => {
  const server = await startRedis(t)
  const { app, log, titles, create } = await startService(t, server.url)
  await titles()
  const resume = pause(t, server)
  await soon(t, 'the list', titles)
  t.equal(await soon(t, 'a mutation', () => create('new')), 201)
  t.equal((await soon(t, 'the list after it', titles))[0], 'new')
  t.equal((await soon(t, 'the page', () => app.inject({ url: '/' }))).statusCode, 200)
  t.equal((await soon(t, 'the slow page', () => app.inject({ url: '/apicalls' }))).statusCode, 200)
  await log.untilChanges(1)
  resume()
  await log.untilChanges(2)
  t.same(log.changes(), [UNAVAILABLE, RECOVERED])
  t.equal((await titles())[0], 'new')
  t.match((await app.inject({ url: URL })).headers['server-timing'], 'product_objects;desc="hit"')
})

t.test('a Redis that hangs delays neither the start nor the end of the service', async (t) => {
  const server = await startRedis(t)
  const resume = pause(t, server)
  const { app, log, titles, create } = await soon(t, 'the start', () => startService(t, server.url))
  t.equal(await soon(t, 'a mutation', () => create('new')), 201)
  t.equal((await soon(t, 'the list', titles))[0], 'new')
  await log.untilChanges(1)
  resume()
  await log.untilChanges(2)
  const other = connect(t, server)
  await until('the list is stored', async () => {
    await titles()
    return await other.exists('larder:product_objects') === 1
  })
  pause(t, server)
  await soon(t, 'the end', () => app.close())
})

t.test('a Redis that refuses the password counts as unavailable', async (t) => {
  const server = await startRedis(t, '--requirepass', 's3cret')
  const { log, titles, create } = await startService(t, server.url)
  t.equal(await create('new'), 201)
  t.equal((await titles())[0], 'new')
  await log.untilChanges(1)
  t.same(log.changes(), [UNAVAILABLE])
  const app = await testApp(t, { REDIS_URL: `redis://:s3cret@127.0.0.1:${server.port}/0` })
  // On a busy machine, Redis may miss the deadline of a write.
  await until('a hit', async () => {
    return String((await app.inject({ url: URL })).headers['server-timing']).includes('desc="hit"')
  })
})

t.test('a database number that Redis does not have fails the start: ioredis would use number 0', async (t) => {
  const server = await startRedis(t)
  await t.rejects(testApp(t, { REDIS_URL: `redis://127.0.0.1:${server.port}/99` }), {
    message: 'The REDIS_URL cannot be used: Redis has no database 99. Choose another number in the URL.'
  })
  t.equal(await connect(t, server).dbsize(), 0)
})
