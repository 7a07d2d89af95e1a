import Sqlite from 'better-sqlite3'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { sqliteClock } from '../../../src/larder/sqlite.ts'
import { createBlog, MIGRATION, posts } from './blog.ts'

for (const wal of [true, false]) {
  t.test(`with journal_mode = ${wal ? 'WAL' : 'DELETE'}`, async (t) => {
    t.test('invalidateTags works, also inside a transaction of the application', async (t) => {
      const { connection, cache } = createBlog(t, { wal })
      await cache.set('a', 1, { tags: ['news'] })
      await cache.invalidateTags(['news'])
      t.equal(await cache.get('a'), undefined)
      await cache.set('a', 2, { tags: ['news'] })
      connection.exec('BEGIN')
      await cache.invalidateTags(['news'])
      t.equal(await cache.get('a'), undefined, 'inside the transaction')
      connection.exec('ROLLBACK')
      t.equal(await cache.get('a'), undefined, 'the transaction may be that of another request')
      await cache.set('a', 3, { tags: ['news'] })
      t.equal(await cache.get('a'), 3)
      connection.exec('BEGIN')
      await cache.invalidateTags(['news'])
      connection.exec('COMMIT')
      t.equal(await cache.get('a'), undefined)
    })

    t.test('nothing that is not committed is stored', async (t) => {
      const { connection, db, cached } = createBlog(t, { wal })
      const titles = () => cached('titles', () => db.select().from(posts).all().map(({ title }) => title))
      connection.exec("BEGIN; UPDATE posts SET title = 'draft' WHERE id = 1")
      t.same(await titles(), [1, ['draft', 'two']])
      connection.exec('ROLLBACK')
      t.same(await titles(), [2, ['one', 'two']])
      t.same(await titles(), [2, ['one', 'two']])
    })
  })
}

t.test('watch() tracks statements that do not pass through Drizzle', async (t) => {
  const { connection, clock, cached } = createBlog(t)
  t.equal(clock.watch(connection), connection)
  clock.watch(connection)
  const select = connection.prepare('SELECT title FROM posts WHERE id = ?').pluck()
  const queries: Record<string, () => unknown> = {
    get: () => select.get(1),
    all: () => select.all([1])[0],
    iterate: () => [...select.iterate(1)][0]
  }
  let loads = 0
  for (const [name, query] of Object.entries(queries)) {
    const read = () => cached(name, query)
    connection.exec("UPDATE posts SET title = 'one' WHERE id = 1")
    t.same(await read(), [++loads, 'one'], name)
    connection.exec("UPDATE posts SET title = 'zwei' WHERE id = 2")
    t.same(await read(), [loads, 'one'])
    connection.exec("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.same(await read(), [++loads, 'eins'])
  }
  const version = () => cached('pragma', () => connection.pragma('user_version', { simple: true }))
  t.same(await version(), [++loads, 0])
  t.same(await version(), [++loads, 0], 'what no trigger watches is not stored')
})

t.test('watch() tracks statements that were prepared before, and statements with bound values', async (t) => {
  const { connection, clock, cached } = createBlog(t)
  const prepare = () => connection.prepare('SELECT title FROM posts WHERE id = ?').pluck()
  const before = prepare()
  clock.watch(connection)
  const ids = [1]
  const bound = prepare().bind(ids)
  ids[0] = 2
  let loads = 0
  for (const [name, query] of Object.entries({ before: () => before.get(1), bound: () => bound.get() })) {
    const read = () => cached(name, query)
    connection.exec("UPDATE posts SET title = 'one' WHERE id = 1")
    t.same(await read(), [++loads, 'one'], name)
    connection.exec("UPDATE posts SET title = 'zwei' WHERE id = 2")
    t.same(await read(), [loads, 'one'])
    connection.exec("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.same(await read(), [++loads, 'eins'])
  }
})

t.test('the settings of the connection stay as they are', async (t) => {
  const path = `${t.testdir()}/blog.db`
  const connection = new Sqlite(path, { timeout: 1_234 })
  t.teardown(() => connection.close())
  connection.defaultSafeIntegers(true)
  connection.exec(MIGRATION)
  const clock = sqliteClock(connection)
  t.equal(connection.pragma('busy_timeout', { simple: true }), 1_234n)
  t.equal(connection.pragma('journal_mode', { simple: true }), 'delete')
  t.equal(connection.prepare('SELECT id FROM posts').pluck().get(), 1n)
  const cache = createCache({ store: memoryStore(), versions: clock.versions })
  clock.watch(connection)
  const count = connection.prepare('SELECT count(*) FROM posts').pluck()
  const read = () => cache.getOrSet('count', () => Number(count.get()))
  t.equal(await read(), 2)
  connection.exec('DELETE FROM posts WHERE id = 1')
  t.equal(await read(), 1)
  clock.close()
  clock.close()
  t.equal(connection.open, true)
})
