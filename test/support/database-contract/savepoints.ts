import type { Test } from 'tap'
import type { SetUp } from './set-up.ts'

const OVER = { code: 'LARDER_TRANSACTION_OVER' }
const oops = new Error('oops')

export function testSavepoints (t: Test, setUp: SetUp): void {
  t.test('savepoints are committed with the transaction', async (t) => {
    const { database, add, titles } = await setUp(t)
    t.equal(await database.transaction(async () => {
      await add('a')
      const answer = await database.transaction(async () => {
        await add('b')
        await database.transaction(() => add('c'))
        return 'inner'
      })
      await add('d')
      return answer
    }), 'inner')
    t.same(await titles(), ['a', 'b', 'c', 'd'])
  })

  t.test('a failing savepoint is rolled back alone', async (t) => {
    const { database, add, titles } = await setUp(t)
    await database.transaction(async () => {
      await add('a')
      await t.rejects(database.transaction(async () => {
        await add('b')
        await database.transaction(() => add('c'))
        throw oops
      }), oops)
      t.same(await titles(), ['a'])
      await add('d')
    })
    t.same(await titles(), ['a', 'd'])
  })

  t.test('a failing savepoint within a savepoint is rolled back alone', async (t) => {
    const { database, add, titles } = await setUp(t)
    await database.transaction(async () => {
      await database.transaction(async () => {
        await add('a')
        await t.rejects(database.transaction(async () => {
          await add('b')
          throw oops
        }), oops)
      })
    })
    t.same(await titles(), ['a'])
  })

  t.test('a released savepoint is rolled back with the transaction', async (t) => {
    const { database, add, titles } = await setUp(t)
    await t.rejects(database.transaction(async () => {
      await database.transaction(() => add('a'))
      throw oops
    }), oops)
    t.same(await titles(), [])
  })

  t.test('concurrent savepoints run one after another', async (t) => {
    const { database, add, titles } = await setUp(t)
    await database.transaction(async () => {
      const results = await Promise.allSettled(['a', 'b', 'c'].map((title) => database.transaction(async () => {
        await add(`${title}1`)
        await new Promise(setImmediate)
        await database.transaction(() => add(`${title}2`))
        if (title === 'b') throw oops
      })))
      t.same(results.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
    })
    t.same(await titles(), ['a1', 'a2', 'c1', 'c2'])
  })

  t.test('a savepoint that is not awaited ends before the commit', async (t) => {
    const { database, add, titles } = await setUp(t)
    await database.transaction(async () => {
      await add('a')
      database.transaction(async () => {
        await add('b')
        await new Promise(setImmediate)
        await add('c')
      })
      database.transaction(() => add('d'))
    })
    t.same(await titles(), ['a', 'b', 'c', 'd'])
  })

  t.test('a savepoint that runs when the transaction fails is rolled back with it, and ends', async (t) => {
    const { database, add, titles } = await setUp(t)
    const goOn = Promise.withResolvers<void>()
    let part: Promise<void> | undefined
    let second: Promise<void> | undefined
    await t.rejects(database.transaction(async () => {
      const begun = Promise.withResolvers<void>()
      part = database.transaction(async () => {
        await add('a')
        begun.resolve()
        await goOn.promise
        await t.rejects(add('b'), OVER)
      })
      second = database.transaction(() => add('c'))
      await begun.promise
      throw oops
    }), oops)
    t.same(await titles(), [])

    // Even while another transaction has the connection.
    await database.transaction(async () => {
      await add('d')
      goOn.resolve()
      await t.rejects(part!, OVER)
      await t.rejects(second!, OVER)
      await add('e')
    })
    t.same(await titles(), ['d', 'e'])
  })

  t.test('a savepoint that is not awaited has the deadline of the transaction', async (t) => {
    const { database, add, titles } = await setUp(t, { transactionMs: 250 })
    await t.rejects(database.transaction(async () => {
      await add('a')
      database.transaction(() => new Promise(() => {}))
    }), { code: 'LARDER_TRANSACTION_TIMEOUT' })
    t.same(await titles(), [])
  })
}
