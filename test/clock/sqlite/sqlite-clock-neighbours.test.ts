import Sqlite from 'better-sqlite3'
import t from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import { sqliteClock } from '../../../src/larder/sqlite.ts'
import { createBlog, posts } from './blog.ts'

const FIRST = 'SELECT title FROM posts WHERE id = 1'

t.test('temporary and attached tables that hide others are not taken for them', async (t) => {
  const { path, connection, clock, cached } = createBlog(t)
  clock.watch(connection)
  const first = () => cached('first', () => connection.prepare(FIRST).pluck().get())
  t.same(await first(), [1, 'one'])
  connection.exec('CREATE TEMP TABLE posts (id integer PRIMARY KEY, title text)')
  connection.exec("INSERT INTO temp.posts VALUES (1, 'draft')")
  connection.exec("UPDATE main.posts SET title = 'eins' WHERE id = 1")
  t.same(await first(), [2, 'draft'])
  connection.exec("UPDATE temp.posts SET title = 'draft 2'")
  t.same(await first(), [3, 'draft 2'])
  connection.exec('DROP TABLE temp.posts')
  t.same(await first(), [4, 'eins'])
  t.same(await first(), [4, 'eins'])
  connection.exec(`ATTACH '${path}.other' AS other; CREATE TABLE other.notes (text)`)
  connection.exec("INSERT INTO other.notes VALUES ('a')")
  const note = () => cached('note', () => connection.prepare('SELECT text FROM notes').pluck().get())
  t.same(await note(), [5, 'a'])
  t.same(await note(), [6, 'a'], 'another file is not watched')
})

t.test('named parameters are tracked', async (t) => {
  const { connection, clock, cached } = createBlog(t)
  clock.watch(connection)
  const select = connection.prepare('SELECT title FROM posts WHERE id = @id').pluck()
  const first = () => cached('first', () => select.get({ id: 1 }))
  t.same(await first(), [1, 'one'])
  t.same(await first(), [1, 'one'])
  connection.exec("UPDATE posts SET title = 'eins' WHERE id = 1")
  t.same(await first(), [2, 'eins'])
})

t.test('named parameters beside others are not taken for them', async (t) => {
  const { connection, clock, cached } = createBlog(t)
  clock.watch(connection)
  const select = connection.prepare('SELECT title FROM posts WHERE id = @id AND ? > 0').pluck()
  const first = () => cached('first', () => select.get(2, { id: 1 }))
  t.same(await first(), [1, 'one'])
  connection.exec("UPDATE posts SET title = 'eins' WHERE id = 1")
  t.same(await first(), [2, 'eins'])
})

t.test('two clocks may watch one connection', async (t) => {
  const { connection, clock } = createBlog(t)
  const other = sqliteClock(connection)
  t.teardown(() => other.close())
  clock.watch(connection)
  other.watch(connection)
  for (const { versions } of [clock, other]) {
    const cache = createCache({ store: memoryStore(), versions })
    const first = () => cache.getOrSet('first', () => connection.prepare(FIRST).pluck().get())
    connection.exec("UPDATE posts SET title = 'one' WHERE id = 1")
    t.equal(await first(), 'one')
    connection.exec("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.equal(await first(), 'eins')
  }
})

t.test('another connection than that of the clock is refused', async (t) => {
  const { path, clock } = createBlog(t)
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  t.throws(() => clock.watch(other), { message: 'watch() takes the connection of the clock.' })
})

t.test('after close() nothing is served or stored, and nothing fails', async (t) => {
  const { connection, clock, db, cache, cached } = createBlog(t)
  clock.watch(connection)
  const titles = () => cached('titles', () => db.select().from(posts).all().length)
  await titles()
  t.same(await titles(), [1, 2])
  await cache.set('plain', 1, { tags: ['news'] })
  clock.close()
  t.same(await titles(), [2, 2])
  t.same(await titles(), [3, 2])
  t.equal(await cache.get('plain'), undefined)
  t.equal(connection.prepare(FIRST).pluck().get(), 'one')
})

t.test('an exclusive transaction of the application neither blocks nor fails a hit', async (t) => {
  for (const wal of [true, false]) {
    const { connection, cache } = createBlog(t, { wal })
    await cache.set('a', 1, { tags: ['news'] })
    connection.exec('BEGIN EXCLUSIVE')
    const startedAt = performance.now()
    await cache.get('a')
    t.ok(performance.now() - startedAt < 1_000)
    connection.exec('COMMIT')
    t.equal(await cache.get('a'), 1)
  }
})

t.test('the clock commits nothing while a transaction of the application is open', async (t) => {
  const { path, connection, clock } = createBlog(t)
  connection.exec('CREATE TABLE later (id integer PRIMARY KEY); BEGIN; SELECT * FROM posts')
  const before = connection.prepare('SELECT count(*) FROM sqlite_schema').pluck().get()
  await new Promise((resolve) => setTimeout(resolve, 250))
  connection.exec("UPDATE posts SET title = 'eins' WHERE id = 1; COMMIT")
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  t.equal(other.prepare(FIRST).pluck().get(), 'eins')
  clock.refresh()
  t.ok(Number(connection.prepare('SELECT count(*) FROM sqlite_schema').pluck().get()) > Number(before))
})

t.test('a locked file fails the start, refresh() and remove() with one sentence, after lockWait', async (t) => {
  const { path, connection, clock } = createBlog(t, { lockWait: 0.05 })
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  connection.exec('CREATE TABLE later (id integer PRIMARY KEY)')
  other.exec('BEGIN IMMEDIATE')
  const expected = { code: 'FST_ERR_LARDER_LOCKED', message: /stayed locked for 0.05 s/ }
  t.throws(() => clock.refresh(), expected)
  t.throws(() => clock.remove(), expected)
  t.throws(() => sqliteClock(connection, { lockWait: 0.05 }), expected)
  other.exec('COMMIT')
  clock.remove()
})

t.test('names of the clock that the application uses itself fail the start and refresh()', async (t) => {
  const { connection, clock } = createBlog(t)
  connection.exec('DROP TABLE larder_lock; DROP TABLE larder_clock')
  connection.exec("CREATE VIEW larder_clock AS SELECT 1 AS id, 'a' AS name, 1 AS ticks")
  const expected = { message: /larder_clock/ }
  t.throws(() => clock.refresh(), expected)
  t.throws(() => sqliteClock(connection), expected)
})
