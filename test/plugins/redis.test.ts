import { Redis } from 'ioredis'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import redis from '../../src/plugins/redis.ts'
import { testApp } from '../support/app.ts'
import { freePort, type PrivateRedis, startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const URL = '/api/products'
const COME = 'Redis is there'
const GONE = 'Redis is away; going on without'
/** Milliseconds that no answer may take, on a slow machine under load; ten times what it takes. */
const SOON = 3_000

/** Lines of a log, and what waits for them. */
function lines () {
  const all: Array<{ msg: string, err?: { message: string } }> = []
  let wake = () => {}
  return {
    stream: {
      write (line: string) {
        all.push(JSON.parse(line))
        wake()
      }
    },
    /** Those that tell that Redis came or went. */
    changes: () => all.map(({ msg }) => msg).filter((msg) => msg === COME || msg === GONE),
    find: (text: string) => all.find(({ msg }) => msg === text),
    /** Resolves when so many such changes were told. */
    async told (count: number) {
      while (this.changes().length < count) await new Promise<void>((resolve) => { wake = resolve })
    }
  }
}

/** The service with Redis at this URL, and what it logs. */
async function service (t: Test, url: string) {
  const log = lines()
  const app = await testApp(t, { REDIS_URL: url }, { logger: { level: 'info', stream: log.stream } })
  const titles = async () => (await app.inject({ url: `${URL}?limit=100` })).json().items.slice(0, 2).map(({ title }: { title: string }) => title)
  const create = async (title: string) => (await app.inject({ method: 'POST', url: URL, payload: { title, price: '1' } })).statusCode
  return { app, log, titles, create }
}

/** A client of the test's own. */
function client (t: Test, { port }: { port: number }): Redis {
  const redis = new Redis(port, '127.0.0.1')
  t.teardown(() => redis.disconnect())
  return redis
}

/** Answers what `work` answers, and fails when that takes long. */
async function soon<T> (t: Test, what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  const result = await work()
  const ms = performance.now() - began
  t.ok(ms < SOON, `${what} took ${ms.toFixed(0)} ms`)
  return result
}

function pause (t: Test, { pid }: PrivateRedis): () => void {
  const goOn = () => { process.kill(pid, 'SIGCONT') }
  process.kill(pid, 'SIGSTOP')
  t.teardown(goOn)
  return goOn
}

t.test('the list is kept in Redis, in the database and under the prefix of the configuration', async (t) => {
  const server = await startRedis(t)
  const app = await testApp(t, { REDIS_URL: `redis://127.0.0.1:${server.port}/3`, CACHE_KEY_PREFIX: 'mine', CACHE_TTL: '7' })
  await app.inject({ url: URL })
  const other = client(t, server)
  t.same(await other.keys('*'), [])
  await other.select(3)
  const keys = await other.keys('*')
  t.ok(keys.includes('mine:product_objects'))
  t.ok(keys.every((key) => /^mine[:#]/.test(key)), keys.join())
  const ttl = await other.pttl('mine:product_objects')
  t.ok(ttl > 0 && ttl <= 7_000, `${ttl} ms left`)
  t.match((await app.inject({ url: URL })).headers['server-timing'], 'product_objects;desc="hit"')
})

t.test('without Redis it starts and works, and takes Redis when it comes', async (t) => {
  const port = await freePort()
  const { log, titles, create } = await soon(t, 'the start', () => service(t, `redis://127.0.0.1:${port}/0`))
  await log.told(1)
  t.same(log.changes(), [GONE])
  t.match(log.find(GONE)!.err, { code: 'ECONNREFUSED' })
  const before = await titles()
  t.equal(await soon(t, 'a mutation', () => create('new')), 201)
  t.same(await soon(t, 'the list', titles), ['new', before[0]])

  await startRedis(t, '--port', String(port))
  await log.told(2)
  t.same(log.changes(), [GONE, COME])
  const other = client(t, { port })
  await titles()
  t.equal(await other.exists('larder:product_objects'), 1)
  await create('newer')
  t.equal(await other.exists('larder:product_objects'), 0)
  t.same(await titles(), ['newer', 'new'])
})

t.test('it goes on when Redis goes, and takes it again when it is back', async (t) => {
  const server = await startRedis(t)
  const { log, titles, create } = await service(t, server.url)
  await titles()
  process.kill(server.pid, 'SIGKILL')
  await log.told(1)
  t.equal(await soon(t, 'a mutation', () => create('new')), 201)
  t.equal((await soon(t, 'the list', titles))[0], 'new')
  await startRedis(t, '--port', String(server.port))
  await log.told(2)
  t.same(log.changes(), [GONE, COME], 'one line a change, however many attempts')
  await titles()
  t.equal(await client(t, server).exists('larder:product_objects'), 1)
})

t.test('a connection that is lost and found at once is no change', async (t) => {
  const server = await startRedis(t)
  const { app, log, titles } = await service(t, server.url)
  const lost = new Promise((resolve) => app.redis.once('close', resolve))
  const found = new Promise((resolve) => app.redis.once('ready', resolve))
  await client(t, server).call('CLIENT', 'KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES')
  await Promise.all([lost, found])
  await until('the list is kept again', async () => {
    await titles()
    return await client(t, server).exists('larder:product_objects') === 1
  })
  t.same(log.changes(), [])
})

t.test('a Redis that hangs delays an answer for a bounded time, and is used when it goes on', async (t) => {
  const server = await startRedis(t)
  const { app, log, titles, create } = await service(t, server.url)
  await titles()
  const goOn = pause(t, server)
  await soon(t, 'the list', titles)
  t.equal(await soon(t, 'a mutation', () => create('new')), 201)
  t.equal((await soon(t, 'the list after it', titles))[0], 'new')
  t.equal((await soon(t, 'the page', () => app.inject({ url: '/' }))).statusCode, 200)
  t.equal((await soon(t, 'the slow page', () => app.inject({ url: '/apicalls' }))).statusCode, 200)
  goOn()
  await log.told(2)
  t.same(log.changes(), [GONE, COME])
  t.equal((await titles())[0], 'new')
  t.match((await app.inject({ url: URL })).headers['server-timing'], 'product_objects;desc="hit"')
})

t.test('a Redis that hangs keeps neither the start nor the end', async (t) => {
  const server = await startRedis(t)
  const goOn = pause(t, server)
  const { app, log, titles, create } = await soon(t, 'the start', () => service(t, server.url))
  t.equal(await soon(t, 'a mutation', () => create('new')), 201)
  t.equal((await soon(t, 'the list', titles))[0], 'new')
  goOn()
  while (!log.changes().includes(COME)) await log.told(log.changes().length + 1)
  await titles()
  t.equal(await client(t, server).exists('larder:product_objects'), 1)
  pause(t, server)
  await soon(t, 'the end', () => app.close())
})

t.test('a Redis that does not let it in is as good as none', async (t) => {
  const server = await startRedis(t, '--requirepass', 's3cret')
  const { log, titles, create } = await service(t, server.url)
  t.equal(await create('new'), 201)
  t.equal((await titles())[0], 'new')
  await log.told(1)
  t.same(log.changes(), [GONE])
  const app = await testApp(t, { REDIS_URL: `redis://:s3cret@127.0.0.1:${server.port}/0` })
  await app.inject({ url: URL })
  t.match((await app.inject({ url: URL })).headers['server-timing'], 'product_objects;desc="hit"')
})

t.test('a service has one', async (t) => {
  const server = await startRedis(t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(redis, { url: server.url })
  await t.rejects(async () => { await app.register(redis, { url: server.url }) }, { code: 'FST_ERR_DEC_ALREADY_PRESENT' })
})

t.test('a database that Redis does not have ends the start, since ioredis would take number 0', async (t) => {
  const server = await startRedis(t)
  await t.rejects(testApp(t, { REDIS_URL: `redis://127.0.0.1:${server.port}/99` }), { message: 'Redis has no database 99. Choose another number in REDIS_URL.' })
  t.equal(await client(t, server).dbsize(), 0)
})
