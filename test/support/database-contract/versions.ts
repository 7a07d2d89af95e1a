import type { Test } from 'tap'
import { createCache, memoryStore } from '../../../src/cache/index.ts'
import type { SetUp } from './set-up.ts'

const oops = new Error('oops')

export function testVersions (t: Test, setUp: SetUp): void {
  t.test('the version clock', async (t) => {
    t.test('makes what depends on a change invalid when it is committed, and not when it is rolled back', async (t) => {
      const { database, add, titles } = await setUp(t)
      const cache = createCache({ store: memoryStore(), versions: database.versions })
      const read = () => cache.getOrSet('titles', titles)
      t.same(await read(), [])
      t.same(await cache.get('titles'), [])
      await t.rejects(database.transaction(async () => {
        await add('a')
        throw oops
      }), oops)
      t.same(await cache.get('titles'), [])
      await database.transaction(() => add('b'))
      t.equal(await cache.get('titles'), undefined)
      t.same(await read(), ['b'])
    })

    t.test('makes a transaction see its own changes, and stores nothing that it reads', async (t) => {
      const { database, add, titles } = await setUp(t)
      const cache = createCache({ store: memoryStore(), versions: database.versions })
      const read = () => cache.getOrSet('titles', titles)
      await read()
      await t.rejects(database.transaction(async () => {
        t.same(await read(), [])
        await add('a')
        t.same(await read(), ['a'])
        throw oops
      }), oops)
      t.same(await read(), [])
    })

    t.test('marks tags as changed, alone or with a transaction', async (t) => {
      const { database } = await setUp(t)
      const { versions } = database
      const hasChanged = async (stamp: string) => await versions.firstChanged(stamp, ['news']) !== undefined
      let stamp = await versions.stamp()
      t.equal(await hasChanged(stamp), false)
      await versions.invalidate(['news'])
      t.equal(await hasChanged(stamp), true)
      stamp = await versions.stamp()
      await t.rejects(database.transaction(async () => {
        await versions.invalidate(['news'])
        throw oops
      }), oops)
      t.equal(await hasChanged(stamp), false)
      await database.transaction(async () => { await versions.invalidate(['news']) })
      t.equal(await hasChanged(stamp), true)
    })
  })
}
