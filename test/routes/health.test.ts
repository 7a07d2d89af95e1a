import Sqlite from 'better-sqlite3'
import t from 'tap'
import { testApp } from '../support/app.ts'
import { freePort } from '../support/redis.ts'

t.test('/healthz and /readyz respond with 200', async (t) => {
  const app = await testApp(t)
  for (const url of ['/healthz', '/readyz']) {
    const response = await app.inject({ url })
    t.equal(response.statusCode, 200)
    t.same(response.json(), { status: 'ok' })
  }
})

t.test('/readyz is 200 without Redis', async (t) => {
  const app = await testApp(t, { REDIS_URL: `redis://127.0.0.1:${await freePort()}` })
  t.equal((await app.inject({ url: '/readyz' })).statusCode, 200)
})

t.test('/readyz is 200 while another program writes, and without products', async (t) => {
  const path = `${t.testdir()}/larder.db`
  const app = await testApp(t, { DATABASE_URL: `file:${path}` })
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  other.exec('BEGIN IMMEDIATE; DELETE FROM products')
  t.equal((await app.inject({ url: '/readyz' })).statusCode, 200)
  other.exec('COMMIT')
  t.equal((await app.inject({ url: '/readyz' })).statusCode, 200)
})

t.test('/readyz is 503 and /healthz is 200 while the database fails', async (t) => {
  const path = `${t.testdir()}/larder.db`
  const app = await testApp(t, { DATABASE_URL: `file:${path}` })
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  other.exec('ALTER TABLE products RENAME TO gone')
  const response = await app.inject({ url: '/readyz' })
  t.equal(response.statusCode, 503)
  t.same(response.json(), { status: 'database unavailable' })
  t.equal(response.headers['retry-after'], '10')
  t.equal((await app.inject({ url: '/healthz' })).statusCode, 200)
  other.exec('ALTER TABLE gone RENAME TO products')
  t.equal((await app.inject({ url: '/readyz' })).statusCode, 200)
})
