import t, { type Test } from 'tap'
import { deferredLoader } from '../../support/deferred-loader.ts'
import { createCaches, read, readTags, reloads } from '../../support/read-sets.ts'

t.test('the tags of a nested value become tags of the outer one', async (t) => {
  const nestings: Record<string,
    (t: Test, site: ReturnType<typeof createCaches>, nested: () => Promise<unknown>) => Promise<void>> = {
      'that is loaded': async () => {},
      'that is a hit of getOrSet': async (_t, _site, nested) => { await nested() },
      'that another is loading': async (t, { versions, outer, inner }, nested) => {
        const held = deferredLoader(() => read(versions, 'a', 1))
        const loading = inner.getOrSet('inner', held.load)
        await held.began
        const made = outer.getOrSet('key', nested)
        held.end('value')
        t.equal(await loading, 'value')
        t.equal(await made, 'value')
      }
    }
  for (const [name, prepare] of Object.entries(nestings)) {
    await t.test(name, async (t) => {
      const site = createCaches()
      const { versions, outer, inner } = site
      const nested = () => inner.getOrSet('inner', () => read(versions, 'a', 'value'))
      await prepare(t, site, nested)
      t.equal(await outer.getOrSet('key', nested), 'value')
      t.strictSame(await readTags(outer), ['a'])
    })
  }

  await t.test('if it is a hit of get or getMany', async (t) => {
    const { outer, inner } = createCaches()
    await inner.set('one', 1, { tags: ['a'] })
    await inner.set('two', 2, { tags: ['b'] })
    await inner.set('three', 3)
    await outer.getOrSet('key', async () => [await inner.get('one'), await inner.getMany(['two', 'three', 'four'])])
    t.strictSame(await readTags(outer), ['a', 'b'])
  })

  await t.test('over several levels, with the tags of options and addTags', async (t) => {
    const { outer, inner } = createCaches()
    const innermost = () => inner.getOrSet('c', ({ addTags }) => { addTags('e'); return 1 }, { tags: ['d'] })
    await outer.getOrSet('key', () => inner.getOrSet('b', innermost, { tags: ['f'] }))
    t.strictSame(await readTags(outer), ['d', 'e', 'f'])
  })

  await t.test('if it is not stored itself', async (t) => {
    const { versions, outer, inner } = createCaches()
    await outer.getOrSet(
      'key', () => inner.getOrSet('inner', ({ skipStore }) => { skipStore(); return read(versions, 'a', 1) })
    )
    t.strictSame(await readTags(outer), ['a'])
  })

  await t.test('if its load failed and the loader caught the error', async (t) => {
    const { versions, outer, inner } = createCaches()
    await outer.getOrSet('key', () => inner.getOrSet('inner', () => {
      read(versions, 'a', undefined)
      throw new Error('not there')
    }).catch(() => 'none'))
    t.strictSame(await readTags(outer), ['a'])
    await versions.invalidate(['a'])
    t.ok(await reloads(outer))
  })
})

t.test('stale values pass their tags up, and background refreshes do not', async (t) => {
  const { clock, versions, outer, inner } = createCaches()
  const options = { ttl: 10, staleWhileRevalidate: 60, staleIfError: 60 }
  await inner.getOrSet('inner', () => read(versions, 'a', 'old'), options)
  clock.advance(11)
  const held = deferredLoader(() => read(versions, 'b', 1))
  t.equal(await outer.getOrSet('key', async () => {
    const value = await inner.getOrSet('inner', held.load, options)
    held.end('new')
    await new Promise(setImmediate)
    return value
  }), 'old')
  t.strictSame(await readTags(outer), ['a'])

  clock.advance(11)
  await inner.touch('inner', -1)
  await inner.getOrSet('failing', () => read(versions, 'c', 'old'), options)
  clock.advance(11)
  const failing = () => inner.getOrSet('failing', () => { throw new Error('down') }, {
    ...options, staleWhileRevalidate: 0
  })
  t.equal(await outer.getOrSet('other', failing), 'old')
  t.strictSame(await readTags(outer, 'other'), ['c'])
})

t.test('a nested value is checked after the stamp of the outer load', async (t) => {
  const { versions, outer, inner } = createCaches()
  await inner.set('inner', 'old', { tags: ['a'] })
  await outer.getOrSet('key', async () => {
    const value = await inner.get('inner')
    await versions.invalidate(['a']) // after the look at it
    return value
  })
  t.equal(await readTags(outer), undefined)
})
