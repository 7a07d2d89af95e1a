import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import Sqlite from 'better-sqlite3'
import t from 'tap'
import { dropClockTriggers, sqliteClock } from '../../../src/larder/sqlite.ts'
import { until } from '../../support/until.ts'
import { authors, createBlog, MIGRATION, posts } from './blog.ts'

t.test('tables that are added, rebuilt or dropped are followed without a restart', async (t) => {
  const { connection, clock, cached } = createBlog(t)
  clock.watch(connection)
  connection.exec('CREATE TABLE tags (id integer PRIMARY KEY, name text); INSERT INTO tags VALUES (1, \'new\')')
  const names = () => cached('tags', () => connection.prepare('SELECT name FROM tags').pluck().all())
  clock.refresh()
  t.same(await names(), [1, ['new']])
  t.same(await names(), [1, ['new']])
  connection.exec("UPDATE tags SET name = 'newer'")
  t.same(await names(), [2, ['newer']])
  connection.exec('CREATE TABLE tags2 AS SELECT * FROM tags; DROP TABLE tags; ALTER TABLE tags2 RENAME TO tags')
  await until('the triggers are back', async () => {
    const [loads] = await names()
    return (await names())[0] === loads
  })
  const [before] = await names()
  connection.exec("UPDATE tags SET name = 'newest'")
  t.same(await names(), [before + 1, ['newest']])
})

t.test('a migration can drop an indexed column after dropClockTriggers(), which invalidates all entries', async (t) => {
  const { path, connection, clock, db, cached } = createBlog(t)
  connection.exec('ALTER TABLE posts ADD COLUMN slug text; CREATE INDEX posts_slug ON posts (slug)')
  clock.refresh()
  const names = () => cached('names', () => db.select().from(authors).all().map(({ name }) => name))
  await names()
  const tool = new Sqlite(path)
  t.teardown(() => tool.close())
  const migration = 'DROP INDEX posts_slug; ALTER TABLE posts DROP COLUMN slug'
  t.throws(() => tool.exec(`BEGIN; ${migration}`), { message: /error in trigger larder_posts_insert after drop column/ })
  tool.exec('ROLLBACK')
  tool.transaction(() => {
    dropClockTriggers(tool)
    tool.exec(`${migration}; UPDATE authors SET name = 'Eve' WHERE id = 2`)
  })()
  t.same((await names())[1], ['Ada', 'Eve'])
  const triggers = tool.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'trigger'")
  await until('the triggers exist again', () => triggers.get())
  tool.exec("UPDATE authors SET name = 'Bob' WHERE id = 2")
  t.same((await names())[1], ['Ada', 'Bob'])
})

t.test('a tool that drops the tables of the clock, the oldest first, fails, and nothing changes', async (t) => {
  const { path, connection, clock } = createBlog(t)
  const tool = new Sqlite(path)
  t.teardown(() => tool.close())
  const list = tool.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'larder%'").pluck()
  const [oldest] = list.all()
  t.throws(() => tool.exec(`DROP TABLE ${String(oldest)}`), { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' })
  tool.exec("UPDATE posts SET title = 'eins' WHERE id = 1")
  connection.exec('DELETE FROM larder_lock')
  clock.refresh()
  t.throws(() => tool.exec(`DROP TABLE ${String(oldest)}`), { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' }, 'repaired')
  clock.remove()
  t.same(list.all(), [])
})

t.test('writes go on when a tool has dropped the tables of the clock', async (t) => {
  const { connection, db, cached } = createBlog(t)
  const titles = () => cached('titles', () => db.select().from(posts).all().map(({ title }) => title))
  await titles()
  connection.pragma('foreign_keys = OFF')
  connection.exec('DROP TABLE larder_clock; DROP TABLE larder_slots; DROP TABLE larder_eras')
  await until('the application can write again', () => {
    try {
      return connection.exec("UPDATE posts SET title = 'eins' WHERE id = 1")
    } catch {
      return false
    }
  })
  t.same(await titles(), [2, ['eins', 'two']])
  connection.exec("UPDATE posts SET title = 'uno' WHERE id = 1")
  t.same((await titles())[1], ['uno', 'two'])
})

t.test('while another program has locked the file, the clock waits for it, up to lockWait', async (t) => {
  const { path, connection, cache } = createBlog(t, { lockWait: '0.2s' })
  const other = new Sqlite(path)
  t.teardown(() => other.close())
  await cache.set('a', 1, { tags: ['news'] })
  other.exec('BEGIN IMMEDIATE')
  const invalidation = cache.invalidateTags(['news'])
  await setImmediate()
  other.exec('COMMIT')
  await invalidation
  t.equal(await cache.get('a'), undefined)
  other.exec('BEGIN IMMEDIATE; CREATE TABLE later (id integer PRIMARY KEY)')
  await t.rejects(cache.invalidateTags(['news']), { code: 'FST_ERR_LARDER_LOCKED', statusCode: 503 })
  other.exec('COMMIT; BEGIN IMMEDIATE')
  await sleep(150) // the triggers of the new table have to wait
  other.exec('COMMIT')
  await until('the new table is watched', () =>
    connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'larder_later_insert'").get())
})

t.test('remove() leaves the database as it was', async (t) => {
  const path = `${t.testdir()}/blog.db`
  const connection = new Sqlite(path)
  t.teardown(() => connection.close())
  connection.exec(`${MIGRATION}; CREATE TRIGGER larder_note_insert AFTER INSERT ON posts BEGIN SELECT 1; END`)
  const read = () => connection.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all()
  const before = read()
  const clock = sqliteClock(connection)
  t.ok(read().length > before.length)
  clock.remove()
  t.same(read(), before)
  connection.exec("UPDATE posts SET title = 'eins'")
})

t.test('what cannot be watched is refused with one sentence', async (t) => {
  const memory = new Sqlite(':memory:')
  t.teardown(() => memory.close())
  t.throws(() => sqliteClock(memory), {
    code: 'FST_ERR_LARDER_CONNECTION', message: /^sqliteClock\(\) cannot use a database in memory/
  })
  const file = new Sqlite(`${t.testdir()}/blog.db`)
  t.teardown(() => file.close())
  t.throws(() => sqliteClock(file, { lockWiat: 1 } as never), {
    message: 'sqliteClock() has no option lockWiat. Did you mean lockWait?'
  })
  for (const wrong of [undefined, {}, 'blog.db']) {
    t.throws(() => sqliteClock(wrong as never), {
      code: 'FST_ERR_LARDER_CONNECTION', message: 'sqliteClock() takes a connection of better-sqlite3.'
    })
  }
})
