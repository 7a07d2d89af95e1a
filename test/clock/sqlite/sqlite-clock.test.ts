import { execFileSync } from 'node:child_process'
import Sqlite from 'better-sqlite3'
import { eq } from 'drizzle-orm'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { sqliteClock } from '../../../src/larder/sqlite.ts'
import { authors, createBlog, MIGRATION, posts } from './blog.ts'

for (const wal of [true, false]) {
  t.test(`with journal_mode = ${wal ? 'WAL' : 'DELETE'}`, async (t) => {
    t.test('a change by this connection, by another one and by another program invalidates', async (t) => {
      const { path, db, cached } = createBlog(t, { wal })
      const titles = () => cached('titles', () => db.select().from(posts).all().map(({ title }) => title))
      t.same(await titles(), [1, ['one', 'two']])
      t.same(await titles(), [1, ['one', 'two']])
      db.update(posts).set({ title: 'eins' }).where(eq(posts.id, 1)).run()
      t.same(await titles(), [2, ['eins', 'two']])
      const other = new Sqlite(path)
      t.teardown(() => other.close())
      other.exec("UPDATE posts SET title = 'zwei' WHERE id = 2")
      t.same(await titles(), [3, ['eins', 'zwei']])
      const program = `new (require('better-sqlite3'))(${JSON.stringify(path)}).exec("DELETE FROM posts WHERE id = 1")`
      execFileSync(process.execPath, ['-e', program], { env: { PATH: process.env.PATH } })
      t.same(await titles(), [4, ['zwei']])
      other.exec("UPDATE authors SET name = 'Eve'")
      t.same(await titles(), [4, ['zwei']], 'another table does not matter')
    })

    t.test('a query by primary key depends on its row', async (t) => {
      const { db, cached } = createBlog(t, { wal })
      const first = () => cached('1', () => db.select().from(posts).where(eq(posts.id, 1)).get()?.title)
      t.same(await first(), [1, 'one'])
      db.update(posts).set({ title: 'zwei' }).where(eq(posts.id, 2)).run()
      t.same(await first(), [1, 'one'])
      db.update(posts).set({ title: 'eins' }).where(eq(posts.id, 1)).run()
      t.same(await first(), [2, 'eins'])
    })

    t.test('a query by a foreign key depends on the rows with that value, also through relations', async (t) => {
      const { db, cached } = createBlog(t, { wal })
      const titles = (rows: Array<{ title: string }> = []) => rows.map(({ title }) => title)
      const byKey = () => cached('key', () => titles(db.select().from(posts).where(eq(posts.authorId, 1)).all()))
      const byAuthor = () => cached('author', async () => titles((await db.query.authors.findFirst({
        where: eq(authors.id, 1), with: { posts: true }
      }))?.posts))
      t.same([await byKey(), await byAuthor()], [[1, ['one']], [2, ['one']]])
      db.update(posts).set({ title: 'zwei' }).where(eq(posts.id, 2)).run()
      db.update(authors).set({ name: 'Ben' }).where(eq(authors.id, 2)).run()
      t.same([await byKey(), await byAuthor()], [[2, ['one']], [2, ['one']]])
      db.update(posts).set({ authorId: 1 }).where(eq(posts.id, 2)).run()
      t.same([await byKey(), await byAuthor()], [[3, ['one', 'zwei']], [4, ['one', 'zwei']]])
    })

    t.test('a relational query depends on all tables that it reads', async (t) => {
      const { db, cached } = createBlog(t, { wal })
      const names = () => cached('authors', async () =>
        (await db.query.posts.findMany({ with: { author: true } })).map(({ author }) => author.name))
      t.same(await names(), [1, ['Ada', 'Bob']])
      db.update(authors).set({ name: 'Ann' }).where(eq(authors.id, 1)).run()
      t.same(await names(), [2, ['Ann', 'Bob']])
    })

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
