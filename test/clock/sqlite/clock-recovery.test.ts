import { copyFileSync, renameSync, rmSync } from 'node:fs'
import Sqlite from 'better-sqlite3'
import { sql } from 'drizzle-orm'
import t, { type Test } from 'tap'
import { openDatabase } from '../../../src/db/index.ts'
import { addProduct, changeProduct, clockwork, reading, takeStamp, tagsRead } from './clock-support.ts'

t.test('if another file takes the place of the database, old stamps are invalid', async (t) => {
  const everything = ['products', 'products:7', 'a name']

  /** Closes the service, does something to its file, and opens it again. */
  async function afterwards (t: Test, replace: (path: string) => unknown) {
    const path = `${t.testdir()}/larder.db`
    const first = openDatabase(`file:${path}`)
    const other = new Sqlite(path)
    addProduct(other, 7, 8)
    other.pragma('wal_checkpoint(TRUNCATE)')
    copyFileSync(path, `${path}.copy`)
    changeProduct(other, 7)
    await first.versions.invalidate(['a name'])
    const stamp = takeStamp(first)
    other.close()
    await first.close()
    await replace(path)
    const second = openDatabase(`file:${path}`)
    t.teardown(() => second.close())
    return everything.filter((tag) => second.versions.firstChanged(stamp, [tag]) === undefined)
  }

  t.test('the same file', async (t) => {
    t.same(await afterwards(t, () => {}), everything)
  })
  t.test('a new file with the same history', async (t) => {
    t.same(await afterwards(t, async (path) => {
      rmSync(path)
      await openDatabase(`file:${path}`).close()
      const other = new Sqlite(path)
      addProduct(other, 7, 8)
      changeProduct(other, 7)
      other.close()
    }), [])
  })
  t.test('an older copy', async (t) => {
    t.same(await afterwards(t, (path) => renameSync(`${path}.copy`, path)), [])
  })
  t.test('a new copy', async (t) => {
    t.same(await afterwards(t, (path) => {
      copyFileSync(path, `${path}.copy`)
      renameSync(`${path}.copy`, path)
    }), everything)
  })
})

t.test('stamps are invalid after another program restores an older copy in place', async (t) => {
  const { database, other, isCurrent, path } = clockwork(t)
  addProduct(other, 7)
  await other.backup(`${path}.copy`)
  changeProduct(other, 7)
  const stamp = takeStamp(database)
  const copy = new Sqlite(`${path}.copy`)
  t.teardown(() => copy.close())
  other.close()
  await copy.backup(path)
  t.same(await database.sql.values(sql`SELECT price FROM products`), [['1']])
  t.equal(isCurrent(stamp, 'products'), false)
  t.equal(isCurrent(stamp, 'products:7'), false)
})

t.test('a table whose counter was deleted is unwatched until the next start', async (t) => {
  const { database, other, open, isCurrent } = clockwork(t)
  addProduct(other, 7)
  const { stamp: before, tags } = await reading(database, () => database.sql.all(sql`SELECT * FROM products`))
  other.exec("DELETE FROM larder_clock WHERE name = 'products'")
  t.equal(isCurrent(before, ...tags), false)
  t.equal(await tagsRead(database, 'SELECT * FROM products'), 'unwatched-read')
  changeProduct(other, 7)
  t.equal(isCurrent(before, ...tags), false)

  open()
  t.equal(isCurrent(before, ...tags), false)
  const { stamp } = await reading(database, () => database.sql.all(sql`SELECT * FROM products`))
  t.equal(isCurrent(stamp, ...tags), true)
  changeProduct(other, 7)
  t.equal(isCurrent(stamp, ...tags), false)
})

t.test('stamps from before a deleted counter stay invalid', async (t) => {
  const { database, other, open, isCurrent } = clockwork(t)
  addProduct(other, 7, 8)
  const stamp = takeStamp(database)
  other.exec("DELETE FROM larder_clock WHERE name = 'products'")
  changeProduct(other, 7)
  open()
  for (let changes = 0; changes < 4; changes++) {
    t.equal(isCurrent(stamp, 'products'), false)
    t.equal(isCurrent(stamp, 'products:7'), false)
    changeProduct(other, 8)
  }
})

t.test('an emptied clock works again after the next start', async (t) => {
  const { database, other, open, isCurrent } = clockwork(t)
  const before = takeStamp(database)
  other.exec('DELETE FROM larder_clock')
  t.equal(isCurrent(before, 'a name'), false)
  const meanwhile = takeStamp(database)
  await database.versions.invalidate(['a name'])
  t.equal(isCurrent(meanwhile, 'a name'), false)
  open()
  t.equal(isCurrent(before, 'a name'), false)
  const stamp = takeStamp(database)
  t.equal(isCurrent(stamp, 'a name', 'products'), true)
  await database.versions.invalidate(['a name'])
  t.equal(isCurrent(stamp, 'a name'), false)
  t.equal(isCurrent(stamp, 'products'), true)
})
