import type { Test } from 'tap'
import { countLoads, type SetUp } from './set-up.ts'

export function lifetime (t: Test, setUp: SetUp): void {
  t.test('a table that is added later is watched after refresh()', async (t) => {
    const blog = await setUp(t)
    const cached = countLoads(blog)
    await blog.run("CREATE TABLE tags (id integer PRIMARY KEY, name text); INSERT INTO tags VALUES (1, 'new')")
    await blog.clock.refresh()
    const names = () => cached('tags', () => blog.queries.column('SELECT name FROM tags'))
    t.same(await names(), [1, ['new']])
    t.same(await names(), [1, ['new']])
    await blog.runElsewhere("UPDATE tags SET name = 'newer'")
    t.same(await names(), [2, ['newer']])
    await blog.runElsewhere('CREATE TABLE tags2 AS SELECT * FROM tags; DROP TABLE tags')
    await blog.runElsewhere('ALTER TABLE tags2 RENAME TO tags')
    await blog.clock.refresh()
    await names()
    await blog.runElsewhere("UPDATE tags SET name = 'newest'")
    t.same((await names())[1], ['newest'])
  })

  t.test('after close() nothing is served or stored, and nothing fails', async (t) => {
    const blog = await setUp(t)
    const cached = countLoads(blog)
    const titles = () => cached('titles', () => blog.queries.titles())
    await titles()
    t.same(await titles(), [1, ['one', 'two']])
    await blog.cache.set('plain', 1, { tags: ['news'] })
    await blog.clock.close()
    t.same(await titles(), [2, ['one', 'two']])
    t.same(await titles(), [3, ['one', 'two']])
    t.equal(await blog.cache.get('plain'), undefined)
    await blog.clock.close()
  })

  t.test('after remove() the application can write', async (t) => {
    const blog = await setUp(t)
    await blog.clock.remove()
    await blog.run("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.same(await blog.queries.titles(), ['eins', 'two'])
  })
}
