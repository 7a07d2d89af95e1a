import { once } from 'node:events'
import { Redis } from 'ioredis'
import t from 'tap'
import { patientRedisStore } from '../support/patient-redis-store.ts'
import { startRedis } from '../support/redis.ts'
import { startSite, status } from './pages-site.ts'

t.test('processes that share a Redis and a database', async (t) => {
  const { url } = await startRedis(t)
  const path = `${t.testdir()}/larder.db`
  const processes = await Promise.all([1, 2].map(async () => {
    const client = new Redis(url)
    t.teardown(() => client.disconnect())
    await once(client, 'ready')
    return { client, ...await startSite(t, patientRedisStore({ client }), path) }
  }))
  const [one, two] = processes as [typeof processes[0], typeof processes[0]]

  t.test('each serves the responses that the other stored, until a write', async (t) => {
    await one.app.inject('/list')
    t.equal(await status(two.app, '/list'), 'hit')
    t.equal(await two.products.list().then(({ cached }) => cached), 'hit')
    two.other.exec("UPDATE products SET price = '2' WHERE id = 2")
    t.equal(await status(two.app, '/list'), 'invalidated')
    t.equal(await status(one.app, '/list'), 'hit', 'the response that the other has stored again')
  })

  t.test('a Redis that restarts with old data does not make stale pages valid', async (t) => {
    await one.app.inject('/list')
    const keys = await one.client.keys('*')
    const copies = await Promise.all(keys.map(async (key) => [key, (await one.client.getBuffer(key))!] as const))
    await one.products.update(1, { price: '9' })
    await one.client.flushall()
    for (const [key, value] of copies) await one.client.set(key, value)
    t.equal(await status(two.app, '/list'), 'invalidated')
    t.equal((await two.products.list()).items.find(({ id }) => id === 1)!.price, '9')
  })
})
