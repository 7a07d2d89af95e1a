import type { Test } from 'tap'
import { deferredLoader } from '../deferred-loader.ts'
import { countLoads, type SetUp } from './set-up.ts'

export function changes (t: Test, setUp: SetUp): void {
  t.test('a change by this connection, by another one and by another program invalidates', async (t) => {
    const blog = await setUp(t)
    const cached = countLoads(blog)
    const titles = () => cached('titles', () => blog.queries.titles())
    t.same(await titles(), [1, ['one', 'two']])
    t.same(await titles(), [1, ['one', 'two']])
    await blog.run("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.same(await titles(), [2, ['eins', 'two']])
    await blog.runElsewhere("UPDATE posts SET title = 'zwei' WHERE id = 2")
    t.same(await titles(), [3, ['eins', 'zwei']])
    await blog.runInProgram('DELETE FROM posts WHERE id = 1')
    t.same(await titles(), [4, ['zwei']])
    await blog.run("UPDATE authors SET name = 'Eve'")
    await blog.runElsewhere("UPDATE posts SET title = 'drei' WHERE id = 3")
    t.same(await titles(), [4, ['zwei']], 'another table, and a statement that matches no row')
  })

  t.test('a rollback invalidates nothing', async (t) => {
    const blog = await setUp(t)
    const cached = countLoads(blog)
    const titles = () => cached('titles', () => blog.queries.titles())
    await titles()
    await blog.runElsewhere("BEGIN; UPDATE posts SET title = 'draft'; ROLLBACK")
    t.same(await titles(), [1, ['one', 'two']])
  })

  t.test('nothing that is not committed is stored', async (t) => {
    const blog = await setUp(t)
    const cached = countLoads(blog)
    await blog.rollBack(async (queries, run) => {
      await run("UPDATE posts SET title = 'draft' WHERE id = 1")
      t.same(await cached('titles', () => queries.titles()), [1, ['draft', 'two']])
    })
    const titles = () => cached('titles', () => blog.queries.titles())
    t.same(await titles(), [2, ['one', 'two']])
    t.same(await titles(), [2, ['one', 'two']])
  })

  t.test('a load that began before a change is neither stored nor joined', async (t) => {
    const blog = await setUp(t)
    const held = deferredLoader()
    const early = blog.cache.getOrSet('title', async (context) => {
      const title = await blog.queries.title(1)
      await held.load(context)
      return title
    })
    await held.began
    await blog.runElsewhere("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.equal(await blog.cache.getOrSet('title', () => blog.queries.title(1)), 'eins')
    held.end(undefined)
    t.equal(await early, 'one')
    t.equal(await blog.cache.get('title'), 'eins')
  })

  t.test('invalidateTags invalidates entries with the tag, and no others', async (t) => {
    const { cache } = await setUp(t)
    await cache.set('a', 1, { tags: ['news'] })
    await cache.set('b', 1, { tags: ['sports'] })
    t.equal(await cache.get('a'), 1)
    await cache.invalidateTags(['news'])
    t.same([await cache.get('a'), await cache.get('b')], [undefined, 1])
  })

  t.test('expireTags lets entries be served stale, but invalidates those of tables and rows', async (t) => {
    const blog = await setUp(t)
    const { cache } = blog
    const fail = () => { throw new Error('down') }
    const getStale = async (key: string) =>
      await cache.getOrSet<unknown>(key, fail, { staleIfError: 60 }).catch(() => 'invalidated')
    const tags = { named: ['news'], both: ['news', 'posts'], row: ['posts:2'], other: ['sports'] }
    for (const [key, list] of Object.entries(tags)) await cache.set(key, 1, { tags: list })
    await cache.expireTags(['news'])
    t.same([...(await cache.getMany(Object.keys(tags))).keys()], ['row', 'other'])
    t.same(await Promise.all(Object.keys(tags).map(getStale)), [1, 1, 1, 1])
    await blog.run("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.same(await Promise.all(['named', 'both'].map(getStale)), [1, 'invalidated'])
    await cache.expireTags(['posts:2'])
    t.equal(await getStale('row'), 'invalidated')
    await cache.invalidateTags(['news'])
    t.equal(await getStale('named'), 'invalidated')
  })

  t.test('a table and a row are tags, which can also be named', async (t) => {
    const blog = await setUp(t)
    const { cache } = blog
    await cache.set('table', 1, { tags: ['posts'] })
    await cache.set('row', 1, { tags: ['posts:2'] })
    await blog.run("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.same([await cache.get('table'), await cache.get('row')], [undefined, 1])
    await cache.invalidateTags(['posts:2'])
    t.equal(await cache.get('row'), undefined)
  })
}
