import t from 'tap'
import type { CacheAdapter, Miss } from '../../../../src/cache/index.ts'
import { fakeClock } from '../../../support/clock.ts'
import { failingLoader } from '../../../support/failing-loader.ts'
import { deferredLoader } from '../../../support/deferred-loader.ts'
import { listen } from '../../../support/record-events.ts'
import { createProcesses } from '../../../support/lease-processes.ts'

const changes: Record<string, [change: (cache: CacheAdapter) => Promise<unknown>, found: unknown]> = {
  delete: [(cache) => cache.delete('key'), undefined],
  set: [(cache) => cache.set('key', 'set'), 'set'],
  add: [(cache) => cache.add('key', 'added'), 'added'],
  increment: [(cache) => cache.increment('key', 7), 7],
  clear: [(cache) => cache.clear(), undefined],
  'sweep by a prefix': [(cache) => cache.deleteMatching({ prefix: 'ke' }), undefined],
  'sweep by tags': [(cache) => cache.deleteMatching({ tags: ['a'] }), undefined],
  invalidateTags: [(cache) => cache.invalidateTags(['a']), undefined]
}
for (const [verb, [change, found]] of Object.entries(changes)) {
  const byTags = /tags/i.test(verb)
  t.test(`${verb} by another process during a load: the next caller does not get its result`, async (t) => {
    for (const nextAt of ['mine', 'theirs'] as const) {
      const site = createProcesses(t)
      const { mine, theirs } = site
      const { events } = listen(t, mine)
      const held = deferredLoader()
      const first = mine.getOrSet('key', held.load, { tags: ['a'] })
      await held.began
      await change(theirs)
      const next = site[nextAt].getOrSet<unknown>('key', () => 'new', { tags: ['a'] })
      // The next caller waits for the load to end, unless it finds another value, the lease has ended, or, in the same
      // process, the tags have changed.
      if (nextAt === 'mine' ? !byTags : byTags) held.end('old')
      t.equal(await next, found ?? 'new')
      held.end('old')
      t.equal(await first, 'old')
      t.equal(await theirs.get('key'), found ?? 'new')
      const reason = byTags ? 'outdated' : /revoked/
      t.match(events.find(({ type }) => type === 'refuse'), {
        key: 'key', reason: nextAt === 'mine' && byTags ? String : reason
      })
    }
  })
}

t.test('an outdated load of the same process releases its lease to the next one', async (t) => {
  const { mine, theirs } = createProcesses(t)
  const older = deferredLoader()
  const first = mine.getOrSet('key', older.load, { tags: ['a'] })
  await older.began
  await theirs.invalidateTags(['a'])
  const began = performance.now()
  t.equal(await mine.getOrSet<unknown>('key', () => 'new', { tags: ['a'] }), 'new')
  t.ok(performance.now() - began < 1_000, 'before the lease would have ended')
  older.end('old')
  t.equal(await first, 'old')
  t.equal(await theirs.getOrSet<unknown>('key', failingLoader), 'new')
})

t.test('the note of a failure does not restore an entry that another process deleted', async (t) => {
  for (const at of ['before', 'during'] as const) {
    const clock = fakeClock()
    const { mine, theirs } = createProcesses(t, { now: clock.now })
    const options = { ttl: 10, staleIfError: 1_000 }
    await mine.getOrSet('key', () => 'old', options)
    clock.advance(10)
    const miss = await mine.lookup('key') as Miss
    if (at === 'before') await theirs.delete('key')
    const held = deferredLoader()
    const loading = mine.load('key', held.load, {}, miss)
    await held.began
    if (at === 'during') await theirs.delete('key')
    held.fail(new Error('upstream down'))
    await t.rejects(loading, { message: 'upstream down' })
    t.match(await theirs.lookup('key'), { miss: 'absent' }, at)
  }
})
