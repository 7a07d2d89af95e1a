import type { Test } from 'tap'
import type { SetUp } from './set-up.ts'

const OVER = { code: 'LARDER_TRANSACTION_OVER' }
const oops = new Error('oops')

export function testAfterCommit (t: Test, setUp: SetUp): void {
  t.test('runs callbacks after the commit, in order, before transaction resolves', async (t) => {
    const { database, add, titles } = await setUp(t)
    const seen: unknown[] = []
    await database.transaction(async () => {
      database.afterCommit(async () => {
        seen.push(['first', await titles(), database.inTransaction])
        await new Promise(setImmediate)
        seen.push('first is over')
      })
      await add('a')
      database.afterCommit(() => seen.push('second'))
      await new Promise(setImmediate)
      t.same(seen, [])
    })
    t.same(seen, [['first', ['a'], false], 'first is over', 'second'])
  })

  t.test('runs all callbacks if one throws, and rejects although the transaction has committed', async (t) => {
    const { database, add, titles } = await setUp(t)
    const seen: string[] = []
    await t.rejects(database.transaction(async () => {
      await add('a')
      database.afterCommit(() => { throw new Error('first') })
      database.afterCommit(() => seen.push('second'))
      database.afterCommit(async () => { throw new Error('third') })
    }), { message: 'first' })
    t.same(seen, ['second'])
    t.same(await titles(), ['a'])
  })

  t.test('runs callbacks of savepoints after the commit of the transaction', async (t) => {
    const { database } = await setUp(t)
    const seen: string[] = []
    await database.transaction(async () => {
      database.afterCommit(() => seen.push('before'))
      await database.transaction(async () => {
        database.afterCommit(() => seen.push('part'))
        await database.transaction(() => database.afterCommit(() => seen.push('part of part')))
      })
      database.afterCommit(() => seen.push('after'))
      t.same(seen, [])
    })
    t.same(seen, ['before', 'part', 'part of part', 'after'])
  })

  t.test('runs no callback after a rollback', async (t) => {
    const { database } = await setUp(t)
    const unexpected = () => t.fail('a callback ran')
    await t.rejects(database.transaction(async () => {
      database.afterCommit(unexpected)
      await database.transaction(() => database.afterCommit(unexpected))
      throw oops
    }), oops)
  })

  t.test('runs no callback of a savepoint that was rolled back', async (t) => {
    const { database } = await setUp(t)
    const seen: string[] = []
    await database.transaction(async () => {
      database.afterCommit(() => seen.push('whole'))
      await t.rejects(database.transaction(async () => {
        database.afterCommit(() => seen.push('part'))
        await database.transaction(() => database.afterCommit(() => seen.push('part of part')))
        throw oops
      }), oops)
    })
    t.same(seen, ['whole'])
  })

  t.test('lets a callback begin a transaction', async (t) => {
    const { database, add, titles } = await setUp(t)
    await database.transaction(() => database.afterCommit(() => database.transaction(() => add('a'))))
    t.same(await titles(), ['a'])
  })

  t.test('throws outside a transaction', async (t) => {
    const { database } = await setUp(t)
    t.throws(() => database.afterCommit(() => t.fail('a callback ran')), OVER)
  })

  t.test('lets a savepoint register hundreds of thousands of callbacks', async (t) => {
    const { database, add, titles } = await setUp(t)
    let calls = 0
    await database.transaction(async () => {
      await database.transaction(async () => {
        await add('a')
        for (let i = 0; i < 200_000; i++) database.afterCommit(() => { calls++ })
      })
    })
    t.equal(calls, 200_000)
    t.strictSame(await titles(), ['a'])
  })
}
