import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import type { LockOptions } from '../../../src/cache/index.ts'
import type { SetUp } from './set-up.ts'

export function lock (t: Test, setUp: () => SetUp): void {
  t.test('lock runs work of one caller at a time, each with a greater token', async (t) => {
    const { cache } = setUp()
    const tokens: number[] = []
    let running = 0
    const callers = Array.from({ length: 5 }, (_, i) => cache.lock('key', {}, async ({ token, signal }) => {
      t.equal(++running, 1)
      tokens.push(token)
      await sleep(2)
      running--
      t.equal(signal.aborted, false)
      return i
    }))
    t.strictSame(await Promise.all(callers), [0, 1, 2, 3, 4])
    t.ok(tokens.every((token, i) => Number.isSafeInteger(token) && (i === 0 || token > tokens[i - 1]!)), String(tokens))
  })

  t.test('lock rejects with the error of the work, and is free then', async (t) => {
    const { cache } = setUp()
    await t.rejects(cache.lock('key', {}, () => { throw new Error('failed') }), { message: 'failed' })
    t.equal(await cache.lock('key', { wait: 0 }, () => 'free'), 'free')
  })

  t.test('lock waits as long as the option says, for its own key', async (t) => {
    const { cache } = setUp()
    await cache.lock('key', {}, async () => {
      await t.rejects(cache.lock('key', { wait: 0.02 }, () => t.fail('two holders')), {
        code: 'FST_ERR_LARDER_LOCK_TIMEOUT', message: 'another caller has held the lock "key" for longer than 0.02 s'
      })
      t.equal(await cache.lock('other', { wait: 0 }, () => 'free'), 'free')
      t.equal(await cache.namespace('v2').lock('key', { wait: 0 }, () => 'free'), 'free')
    })
  })

  t.test('a lock is no value, and clear does not end it', async (t) => {
    const { cache } = setUp()
    await cache.set('key', 'value')
    await cache.lock('key', {}, async () => {
      t.equal(await cache.get('key'), 'value')
      await cache.clear()
      await t.rejects(cache.lock('key', { wait: 0 }, () => 'free'), { code: 'FST_ERR_LARDER_LOCK_TIMEOUT' })
    })
  })

  t.test('lock refuses wrong arguments', async (t) => {
    const { cache } = setUp()
    const refused: Array<[LockOptions, string]> = [
      [{ ttl: 0 }, 'The value of ttl must be more than zero, but is 0.'],
      [{ weit: 1 } as LockOptions, 'lock() has no option weit. Did you mean wait?'],
      [undefined as never, 'The value of options must be an object, but is undefined.']
    ]
    for (const [options, message] of refused) await t.rejects(cache.lock('key', options, () => 1), { message })
    await t.rejects(cache.lock('', {}, () => 1), { message: /^A cache key must be/ })
    await t.rejects(cache.lock('key', {}, 1 as never), { message: 'The value of work must be a function, but is 1.' })
  })
}
