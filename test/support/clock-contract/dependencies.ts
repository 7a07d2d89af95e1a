import type { Test } from 'tap'
import { countLoads, type SetUp } from './set-up.ts'

export function dependencies (t: Test, setUp: SetUp): void {
  t.test('a query by primary key depends on its row', async (t) => {
    const blog = await setUp(t)
    const cached = countLoads(blog)
    const first = () => cached('1', () => blog.queries.title(1))
    t.same(await first(), [1, 'one'])
    await blog.run("UPDATE posts SET title = 'zwei' WHERE id = 2")
    t.same(await first(), [1, 'one'])
    await blog.run("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.same(await first(), [2, 'eins'])
    await blog.run('UPDATE posts SET id = 7 WHERE id = 1')
    t.same(await first(), [3, undefined])
    await blog.run("INSERT INTO posts VALUES (1, 1, 'uno')")
    t.same(await first(), [4, 'uno'])
  })

  t.test('a query by a foreign key depends on the rows with that value, also through relations', async (t) => {
    const blog = await setUp(t)
    const cached = countLoads(blog)
    const byKey = () => cached('key', () => blog.queries.titlesBy(1))
    const byAuthor = () => cached('author', () => blog.queries.titlesOfAuthor(1))
    t.same([await byKey(), await byAuthor()], [[1, ['one']], [2, ['one']]])
    await blog.run("UPDATE posts SET title = 'zwei' WHERE id = 2")
    await blog.run("UPDATE authors SET name = 'Ben' WHERE id = 2")
    t.same([await byKey(), await byAuthor()], [[2, ['one']], [2, ['one']]])
    await blog.run('UPDATE posts SET author_id = 1 WHERE id = 2')
    t.same([await byKey(), await byAuthor()], [[3, ['one', 'zwei']], [4, ['one', 'zwei']]])
    await blog.run('UPDATE posts SET author_id = 2 WHERE id = 2')
    t.same([await byKey(), await byAuthor()], [[5, ['one']], [6, ['one']]])
  })

  t.test('a relational query depends on all tables that it reads', async (t) => {
    const blog = await setUp(t)
    const cached = countLoads(blog)
    const names = () => cached('names', () => blog.queries.authorNames())
    t.same(await names(), [1, ['Ada', 'Bob']])
    await blog.run("UPDATE authors SET name = 'Ann' WHERE id = 1")
    t.same(await names(), [2, ['Ann', 'Bob']])
  })

  t.test('a value depends on what the cached values read that it is made of', async (t) => {
    const blog = await setUp(t)
    const cached = countLoads(blog)
    const inner = () => blog.cache.getOrSet('inner', () => blog.queries.title(1))
    const outer = () => cached('outer', async () => `${await inner()}!`)
    t.same(await outer(), [1, 'one!'])
    await blog.run("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.same(await outer(), [2, 'eins!'])
    t.same(await outer(), [2, 'eins!'])
  })

  t.test('what cannot be watched is not stored', async (t) => {
    const blog = await setUp(t)
    const cached = countLoads(blog)
    await blog.run('CREATE TEMP TABLE notes (text text)')
    for (const loads of [1, 2]) {
      const [loaded] = await cached('notes', async () => {
        await Promise.resolve(blog.queries.column('SELECT text FROM notes')).catch(() => {})
        return 1
      })
      t.equal(loaded, loads)
    }
  })
}
