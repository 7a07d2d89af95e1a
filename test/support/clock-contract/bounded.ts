import type { Test } from 'tap'
import type { SetUp } from './set-up.ts'

const HOUR = { maxStaleness: 3_600_000 }

export function bounded (t: Test, setUp: SetUp): void {
  t.test('with maxStaleness, a change elsewhere may go unseen for so long, and one made here does not', async (t) => {
    const blog = await setUp(t)
    const { cache, clock, queries } = blog
    const load = () => queries.titles()
    const titles = async (maxStaleness: number) => (await cache.getOrSet('titles', load, { maxStaleness })).join()
    t.equal(await titles(HOUR.maxStaleness), 'one,two')
    t.equal(await titles(HOUR.maxStaleness), 'one,two')
    await blog.run("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.equal(await titles(HOUR.maxStaleness), 'eins,two', 'a statement')
    await cache.set('tagged', 1, { tags: ['posts'] })
    await cache.invalidateTags(['posts'])
    t.equal(await cache.getOrSet('tagged', () => 2, HOUR), 2, 'invalidateTags()')

    t.equal(await titles(HOUR.maxStaleness), 'eins,two')
    await blog.runElsewhere("UPDATE posts SET title = 'zwei' WHERE id = 2")
    t.equal(await titles(HOUR.maxStaleness), clock.versions.checksAtOnce ? 'eins,zwei' : 'eins,two', 'elsewhere')
    t.equal(await titles(1e-6), 'eins,zwei', 'the time has passed')
    t.equal(await titles(HOUR.maxStaleness), 'eins,zwei')
  })

  t.test('what a value is made from is checked, whatever its maxStaleness', async (t) => {
    const { cache, queries, runElsewhere } = await setUp(t)
    const inner = () => cache.getOrSet('titles', () => queries.titles(), HOUR)
    t.same(await inner(), ['one', 'two'])
    await runElsewhere("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.same(await cache.getOrSet('outer', inner), ['eins', 'two'])
    t.same(await cache.get('outer'), ['eins', 'two'])
  })

  t.test('maxStaleness does not serve what has expired, and not what had changed before', async (t) => {
    const { cache, queries, runElsewhere } = await setUp(t)
    const titles = async (key: string) => (await cache.getOrSet(key, () => queries.titles(), HOUR)).join()
    for (const key of ['a', 'b']) t.equal(await titles(key), 'one,two')
    await runElsewhere("UPDATE posts SET title = 'eins' WHERE id = 1")
    t.equal(await cache.get('a'), undefined, 'this check serves both')
    t.equal(await titles('b'), 'eins,two')
  })
}
