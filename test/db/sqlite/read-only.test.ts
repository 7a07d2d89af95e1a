import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { type DatabaseState, openDatabase } from '../../../src/db/index.ts'
import { testApp } from '../../support/app.ts'

const NOBODY = 65_534
const INSERT = sql`INSERT INTO products (title, price) VALUES ('Tea', '1')`

/** A folder that may be read-only. File permissions do not apply to root, so root works as another user. */
function restrictedFolder (t: Test): string {
  const isRoot = process.geteuid!() === 0
  if (isRoot) process.seteuid!(NOBODY)
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  t.teardown(() => {
    if (isRoot) process.seteuid!(0)
    chmodSync(folder, 0o755)
    rmSync(folder, { recursive: true })
  })
  return folder
}

/** A file that is up to date and read-only. */
async function readOnlyFile (t: Test): Promise<{ folder: string, path: string }> {
  const folder = restrictedFolder(t)
  const path = `${folder}/larder.db`
  await openDatabase(`file:${path}`).close()
  const other = new Sqlite(path)
  other.exec("INSERT INTO products (title, price) VALUES ('Tea', '1')")
  other.close()
  chmodSync(path, 0o444)
  return { folder, path }
}

t.test('a service with a read-only file says so, and serves reads', async (t) => {
  const { path } = await readOnlyFile(t)
  const lines: string[] = []
  const stream = { write: (line: string) => { lines.push(JSON.parse(line).msg) } }
  const app = await testApp(t, { DATABASE_URL: `file:${path}` }, { logger: { level: 'error', stream } })
  t.same(lines, [`The database file ${path} (DATABASE_URL) is read-only, so only reads are served. ` +
    'Make the file and its folder writable, and restart the service.'])
  const ready = await app.inject('/readyz')
  t.equal(ready.statusCode, 200)
  t.same(ready.json(), { status: 'read-only' })
  t.match((await app.inject('/api/products')).json(), { total: 1, items: [{ title: 'Tea' }] })
  await app.inject('/')
  t.match((await app.inject('/')).headers['server-timing'], /desc="hit"/, 'and caches them')
  const write = await app.inject({ method: 'POST', url: '/api/products', body: { title: 'Jam', price: '1' } })
  t.equal(write.statusCode, 503)
  t.match(write.json(), { code: 'LARDER_DATABASE_READ_ONLY' })
  t.equal(lines.filter((line) => line.includes('read-only')).length, 1, 'it is logged once')
})

t.test('what a process with a read-only file caches becomes invalid when another program writes', async (t) => {
  const { path } = await readOnlyFile(t)
  chmodSync(path, 0o666)
  const other = new Sqlite(path)
  other.prepare('SELECT * FROM products').get()
  chmodSync(path, 0o444)
  const states: DatabaseState[] = []
  const { versions, transaction, ...database } = openDatabase(`file:${path}`, {
    onStateChange: (state) => states.push(state)
  })
  t.teardown(() => database.close())
  t.same(states, ['read-only'])
  const stamp = versions.stamp() as string
  t.equal(versions.firstChanged(stamp, ['products']), undefined)
  other.exec("UPDATE products SET price = '2'")
  t.equal(versions.firstChanged(stamp, ['products']), 'products')
  t.equal(versions.firstChanged(versions.stamp() as string, ['products']), undefined)
  other.close()
  await t.rejects(transaction(() => {}), { code: 'LARDER_DATABASE_READ_ONLY' })
  t.equal(await database.checkState(), 'read-only')
})

t.test('a file that is read-only and not up to date is not opened', async (t) => {
  const folder = restrictedFolder(t)
  const path = `${folder}/larder.db`
  new Sqlite(path).exec('CREATE TABLE notes (x)').close()
  chmodSync(path, 0o444)
  t.throws(() => openDatabase(`file:${path}`), {
    message: `Cannot open the DATABASE_URL file:${path}: attempt to write a readonly database. ` +
      'Make the file and its folder writable.'
  })
})

t.test('a file in a read-only folder is not opened, since SQLite needs files beside it', async (t) => {
  const { folder, path } = await readOnlyFile(t)
  chmodSync(folder, 0o555)
  t.throws(() => openDatabase(`file:${path}`), {
    code: 'LARDER_DATABASE_OPEN', message: /DATABASE_URL file:.*larder\.db: .*Make the file and its folder writable\./
  })
})

t.test('a file that is locked is not read-only', async (t) => {
  const folder = restrictedFolder(t)
  const path = `${folder}/larder.db`
  const states: DatabaseState[] = []
  const database = openDatabase(`file:${path}`, { onStateChange: (state) => states.push(state) })
  t.teardown(() => database.close())
  await database.transaction(async () => {
    await database.sql.run(INSERT)
    t.equal(await database.checkState(), 'ok')
  })
  t.equal(await database.checkState(), 'ok')
  const other = new Sqlite(path)
  other.exec('BEGIN IMMEDIATE')
  t.equal(await database.checkState(), 'ok', 'while another program writes')
  other.close()
  t.same(states, [])
})
