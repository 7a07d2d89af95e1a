import type { Test } from 'tap'
import type { SetUp } from './set-up.ts'

const OVER = { code: 'LARDER_TRANSACTION_OVER' }
const oops = new Error('oops')

export function testTransactions (t: Test, setUp: SetUp): void {
  t.test('transaction commits, and returns the result of its work', async (t) => {
    const { database, add, titles } = await setUp(t)
    t.equal(await database.transaction(async () => {
      await add('a')
      await add('b')
      return 'at once'
    }), 'at once')
    t.equal(await database.transaction(async () => {
      await add('c')
      await Promise.resolve()
      await add('d')
      return 'later'
    }), 'later')
    t.same(await titles(), ['a', 'b', 'c', 'd'])
  })

  t.test('transaction rolls back if its work throws', async (t) => {
    const { database, add, titles } = await setUp(t)
    await t.rejects(database.transaction(async () => {
      await add('a')
      throw oops
    }), oops)
    await t.rejects(database.transaction(async () => {
      await add('b')
      await Promise.resolve()
      throw oops
    }), oops)
    t.same(await titles(), [])
    await database.transaction(() => add('c'))
    t.same(await titles(), ['c'], 'the next one is not affected')
  })

  t.test('transaction rejects with the error of its work, also if another service was not reached', async (t) => {
    const { database } = await setUp(t)
    const error = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    const reason = (work: () => unknown) => database.transaction(async () => { await work() }).catch((error) => error)
    t.equal(await reason(() => { throw error }), error)
    t.equal(await reason(() => database.afterCommit(() => { throw error })), error)
  })

  t.test('inTransaction is true inside the transaction only', async (t) => {
    const { database } = await setUp(t)
    const begun = Promise.withResolvers<void>()
    const done = Promise.withResolvers<void>()
    t.equal(database.inTransaction, false)
    const transaction = database.transaction(async () => {
      t.equal(database.inTransaction, true)
      begun.resolve()
      await done.promise
      t.equal(database.inTransaction, true)
    })
    await begun.promise
    t.equal(database.inTransaction, false)
    done.resolve()
    await transaction
    t.equal(database.inTransaction, false)
  })

  t.test('a transaction sees its own writes at once, others see them after the commit', async (t) => {
    const { database, add, titles } = await setUp(t)
    const written = Promise.withResolvers<void>()
    const done = Promise.withResolvers<void>()
    const transaction = database.transaction(async () => {
      await add('a')
      t.same(await titles(), ['a'])
      written.resolve()
      await done.promise
      t.same(await titles(), ['a'])
    })
    await written.promise
    t.same(await titles(), [])
    done.resolve()
    await transaction
    t.same(await titles(), ['a'])
  })

  t.test('a call after the end of its transaction throws TransactionOverError', async (t) => {
    const { database, add, titles } = await setUp(t)
    const tries = [
      () => add('late'),
      () => titles(),
      () => database.inTransaction,
      () => database.afterCommit(() => {}),
      () => database.transaction(() => add('late'))
    ]
    let late: Promise<void> | undefined
    const straggle = async (over: Promise<void>) => {
      await over
      for (const work of tries) await t.rejects(async () => await work(), OVER)
    }

    const over = Promise.withResolvers<void>()
    await database.transaction(() => { late = straggle(over.promise) })
    over.resolve()
    await late

    await database.transaction(async () => {
      const over = Promise.withResolvers<void>()
      await database.transaction(() => { late = straggle(over.promise) })
      over.resolve()
      await late
    })
    t.same(await titles(), [])
  })

  t.test('a transaction that takes too long is rolled back, and ends', async (t) => {
    const { database, add, titles } = await setUp(t, { transactionMs: 250 })
    const goOn = Promise.withResolvers<void>()
    let late: Promise<void> | undefined
    await t.rejects(database.transaction(() => {
      late = (async () => {
        await add('a')
        await goOn.promise
        await t.rejects(add('b'), OVER)
      })()
      return late
    }), {
      code: 'LARDER_TRANSACTION_TIMEOUT',
      statusCode: 503,
      message: 'The transaction took longer than 0.25 s and was rolled back. Try again.'
    })
    await database.transaction(async () => {
      await add('c')
      goOn.resolve()
      await late
    })
    t.same(await titles(), ['c'])
  })

  t.test('a failing statement rolls back the transaction', async (t) => {
    const { database, add, fail, titles } = await setUp(t)
    await t.rejects(database.transaction(async () => {
      await add('a')
      await fail()
    }), { message: /null/i })
    t.same(await titles(), [])
  })

  t.test('a failing statement in a savepoint whose error is caught lets the transaction go on', async (t) => {
    const { database, add, fail, titles } = await setUp(t)
    await database.transaction(async () => {
      await add('a')
      await t.rejects(database.transaction(async () => {
        await add('b')
        await fail()
      }))
      await add('c')
    })
    t.same(await titles(), ['a', 'c'])
  })
}
