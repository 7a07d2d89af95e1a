import t from 'tap'
import { andThen, orElse } from '../../../src/cache/util/maybe-promise.ts'

t.test('andThen() calls next at once with a value, and later with a promise', async (t) => {
  t.equal(andThen(1, (value) => value + 1), 2)
  const later = andThen(Promise.resolve(1), (value) => value + 1)
  t.ok(later instanceof Promise)
  t.equal(await later, 2)
})

t.test('orElse() recovers from what is thrown at once or rejected later', async (t) => {
  const recover = (error: unknown) => `recovered from ${(error as Error).message}`
  t.equal(orElse(() => 1, recover), 1)
  t.equal(orElse(() => { throw new Error('now') }, recover), 'recovered from now')
  t.equal(await orElse(async () => 1, recover), 1)
  t.equal(await orElse(async () => { throw new Error('later') }, recover), 'recovered from later')
})
