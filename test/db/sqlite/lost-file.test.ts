import { copyFileSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { mock } from 'node:test'
import { Writable } from 'node:stream'
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { type DatabaseState, openDatabase } from '../../../src/db/index.ts'
import { CHECK_MS } from '../../../src/db/sqlite/file-state.ts'
import { testApp } from '../../support/app.ts'
import { reading } from '../../clock/sqlite/clock-support.ts'

const INSERT = sql`INSERT INTO products (title, price) VALUES ('Tea', '1')`
const COUNT = sql`SELECT count(*) FROM products`

/** Ways to lose the file at a path. Each returns the way to put it back, if there is one. */
const LOSSES: Record<string, (path: string) => void | Promise<void>> = {
  deleted: (path) => rmSync(path),
  moved: (path) => renameSync(path, `${path}.moved`),
  'replaced by a copy': (path) => {
    copyFileSync(path, `${path}.copy`)
    renameSync(`${path}.copy`, path)
  },
  'replaced by a link to another file': async (path) => {
    renameSync(path, `${path}.moved`)
    await openDatabase(`file:${path}.new`).close()
    symlinkSync(`${path}.new`, path)
  }
}

/** The whole service on a file of its own, and the lines of its log that are errors. */
async function service (t: Test) {
  const path = `${t.testdir()}/larder.db`
  const lines: Array<{ level: number, msg: string, err?: { code: string } }> = []
  const stream = new Writable({
    write (line, _encoding, done) {
      lines.push(JSON.parse(String(line)))
      done()
    }
  })
  const app = await testApp(t, { DATABASE_URL: `file:${path}` }, { logger: { level: 'error', stream } })
  const status = async (url: string, method: 'GET' | 'POST' = 'GET') => {
    const body = method === 'POST' ? { title: 'Tea', price: '1' } : undefined
    return (await app.inject({ method, url, ...body && { body } })).statusCode
  }
  return { app, path, lines, status }
}

for (const [name, lose] of Object.entries(LOSSES)) {
  t.test(`when the database file is ${name}, the service is not ready and loses nothing silently`, async (t) => {
    const { app, path, lines, status } = await service(t)
    t.equal(await status('/readyz'), 200)
    t.same([await status('/'), await status('/')], [200, 200])
    await lose(path)
    for (let requests = 0; requests < 3; requests++) {
      const ready = await app.inject('/readyz')
      t.equal(ready.statusCode, 503)
      t.same(ready.json(), { status: 'database file deleted or replaced' })
    }
    t.equal(lines.length, 1)
    t.match(lines[0]!.msg, `The database file ${path} (DATABASE_URL) was deleted or replaced`)
    t.equal(await status('/healthz'), 200)
    const refused = await app.inject({ method: 'POST', url: '/api/products', body: { title: 'Tea', price: '1' } })
    t.equal(refused.statusCode, 503)
    t.match(refused.json(), { code: 'LARDER_DATABASE_LOST' })
    t.notMatch(refused.body, path, 'clients do not see the path')
    t.equal(await status('/'), 503, 'what is cached is not served: its data may have changed in another file')
    t.equal(await status('/api/products/1'), 503)
    t.equal(await status('/apicalls'), 200, 'this page does not depend on the database')
  })
}

t.test('a transaction that commits to a lost file is rejected', async (t) => {
  const path = `${t.testdir()}/larder.db`
  const database = openDatabase(`file:${path}`)
  t.teardown(() => database.close())
  let committed = false
  await t.rejects(database.transaction(async () => {
    await database.sql.run(INSERT)
    database.afterCommit(() => { committed = true })
    unlinkSync(path)
  }), { code: 'LARDER_DATABASE_LOST' })
  t.equal(committed, false)
  await t.rejects(database.transaction(() => {}), { code: 'LARDER_DATABASE_LOST' })
  await t.rejects(database.sql.values(COUNT), { code: 'LARDER_DATABASE_LOST' })
})

t.test('a lost file is noticed while there are only cache hits', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const path = `${t.testdir()}/larder.db`
  const states: DatabaseState[] = []
  const database = openDatabase(`file:${path}`, { onStateChange: (state) => states.push(state) })
  const { stamp, tags } = await reading(database, () => database.sql.values(COUNT))
  const { versions } = database
  renameSync(path, `${path}.moved`)
  t.equal(versions.firstChanged(stamp, tags), undefined)
  mock.timers.tick(CHECK_MS)
  t.equal(versions.firstChanged(stamp, tags), 'products')
  t.same(states, ['lost'])
  mock.timers.tick(3 * CHECK_MS)
  t.same(states, ['lost'])
  renameSync(`${path}.moved`, path)
  mock.timers.tick(CHECK_MS)
  t.equal(versions.firstChanged(stamp, tags), undefined)
  t.same(states, ['lost', 'ok'])
  await database.close()
  rmSync(path)
  mock.timers.tick(CHECK_MS)
  t.same(states, ['lost', 'ok'], 'the file of a closed database is not watched')
})
