import Fastify from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import larder from '../../src/larder/index.ts'
import { connectRedis } from '../../src/larder/redis.ts'
import { freePort, startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const CODE = 'FST_ERR_LARDER_REDIS_DATABASE'

/** Creates an application that uses one database of a Redis, and collects what it logs. */
function createApp (t: Test, port: number, database: number) {
  const lines: Array<{ msg: string, err?: { code?: string } }> = []
  const app = Fastify({ logger: { level: 'warn', stream: { write: (line) => { lines.push(JSON.parse(line)) } } } })
  t.teardown(() => app.close())
  app.register(larder, { redis: `redis://127.0.0.1:${port}/${database}`, ttl: 60 })
  return { app, lines }
}

/** Connects to database 0. */
function connect (t: Test, port: number): Redis {
  const client = new Redis(port, '127.0.0.1')
  t.teardown(() => client.disconnect())
  return client
}

/** Waits until other clients have connected, this many times at least. */
async function untilConnected (client: Redis, times: number): Promise<void> {
  await until('the application has connected', async () => {
    return Number(/total_connections_received:(\d+)/.exec(await client.info('stats'))![1]) > times
  })
}

t.test('a database that Redis does not have is never replaced by number 0, also if Redis starts later', async (t) => {
  const port = await freePort()
  const { app, lines } = createApp(t, port, 9)
  await app.ready()
  await startRedis(t, '--port', String(port), '--databases', '4')
  await until('the log says why Redis is not used', async () => lines.some(({ err }) => err?.code === CODE))
  const message = 'Redis has no database 9. Choose another number in the URL.'
  t.equal(lines.find(({ err }) => err?.code === CODE)!.msg, message)
  const other = connect(t, port)
  await untilConnected(other, 3)
  await app.larder.set('a', 1)
  t.equal(await app.larder.get('a'), 1, 'the process caches for itself')
  t.equal(await other.dbsize(), 0)
})

t.test('a Redis that has fewer databases after a restart is no longer used', async (t) => {
  const server = await startRedis(t)
  const { app } = createApp(t, server.port, 9)
  await app.ready()
  await app.larder.set('a', 1)
  process.kill(server.pid, 'SIGKILL')
  await startRedis(t, '--port', String(server.port), '--databases', '4')
  const other = connect(t, server.port)
  await untilConnected(other, 5)
  await app.larder.set('b', 1)
  t.equal(await other.dbsize(), 0)
})

t.test('a start with a database that Redis does not have fails, and closes the connection', async (t) => {
  const { port } = await startRedis(t, '--databases', '4')
  const { app } = createApp(t, port, 9)
  await t.rejects(async () => { await app.ready() }, { code: CODE })
  await app.close()
  const other = connect(t, port)
  await until('the connection is closed', async () => {
    return (await other.client('LIST') as string).trim().split('\n').length === 1
  })
})

t.test('a Redis that requires another login counts as unavailable, whatever the database', async (t) => {
  const { port } = await startRedis(t, '--requirepass', 's3cret')
  const { app } = createApp(t, port, 9)
  await app.ready()
  await app.larder.set('a', 1)
  t.equal(await app.larder.get('a'), 1)
})

t.test('a client that was made without a log does not use another database either', async (t) => {
  const port = await freePort()
  const client = await connectRedis(`redis://127.0.0.1:${port}/9`, (close) => { t.teardown(close) })
  await startRedis(t, '--port', String(port), '--databases', '4')
  await untilConnected(connect(t, port), 3)
  await t.rejects(client.set('a', '1'))
})
