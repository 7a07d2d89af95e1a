import t from 'tap'
import { BoundedMap, Counts } from '../../src/metrics/bounded-map.ts'

t.test('BoundedMap counts names beyond the limit as other', async (t) => {
  const bounded = new BoundedMap(2, () => ({ count: 0 }))
  for (const name of ['a', 'b', 'c', 'd', 'a']) bounded.getOrCreate(name).count++
  t.same([...bounded], [['a', { count: 2 }], ['b', { count: 1 }], ['other', { count: 2 }]])
})

t.test('Counts counts names that are too long or empty as other', async (t) => {
  const counts = new Counts()
  for (const name of ['x'.repeat(65), '', 'x'.repeat(64)]) counts.add(name)
  t.same([...counts], [['other', 2], ['x'.repeat(64), 1]])
  t.equal(counts.total, 3)
})
