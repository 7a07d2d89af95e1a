import { sql } from 'drizzle-orm'
import t from 'tap'
import { moment, notes } from './support.ts'

const OVER = { code: 'LARDER_TRANSACTION_OVER' }
const oops = new Error('oops')

t.test('transaction commits, and returns the result of its work', async (t) => {
  const { database, add, titles } = notes(t)
  t.equal(await database.transaction(() => {
    add('a')
    add('b')
    return 'at once'
  }), 'at once')
  t.equal(await database.transaction(async () => {
    add('c')
    await Promise.resolve()
    add('d')
    return 'later'
  }), 'later')
  t.same(titles(), ['a', 'b', 'c', 'd'])
})

t.test('transaction rolls back if its work throws', async (t) => {
  const { database, add, titles } = notes(t)
  await t.rejects(database.transaction(() => {
    add('a')
    throw oops
  }), oops)
  await t.rejects(database.transaction(async () => {
    add('b')
    await Promise.resolve()
    throw oops
  }), oops)
  t.same(titles(), [])
  await database.transaction(() => add('c'))
  t.same(titles(), ['c'], 'the next one is not affected')
})

t.test('a failing statement rolls back the transaction, unless the work catches the error', async (t) => {
  const { database, add, titles } = notes(t)
  const wrong = () => database.sql.run(sql`INSERT INTO products (title) VALUES ('no price')`)
  await t.rejects(database.transaction(() => {
    add('a')
    wrong()
  }), { cause: { code: 'SQLITE_CONSTRAINT_NOTNULL' } })
  t.same(titles(), [])
  await database.transaction(() => {
    add('b')
    t.throws(wrong)
    add('c')
  })
  t.same(titles(), ['b', 'c'])
})

t.test('inTransaction is true inside the transaction only', async (t) => {
  const { database } = notes(t)
  const begun = moment()
  const done = moment()
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
  const { database, add, titles } = notes(t)
  const written = moment()
  const done = moment()
  const transaction = database.transaction(async () => {
    add('a')
    t.same(titles(), ['a'])
    written.resolve()
    await done.promise
    t.same(titles(), ['a'])
  })
  await written.promise
  t.same(titles(), [])
  done.resolve()
  await transaction
  t.same(titles(), ['a'])
})

t.test('a concurrent write waits for the transaction, and survives its rollback', async (t) => {
  const { database, add, titles } = notes(t)
  const begun = moment()
  const done = moment()
  const failing = database.transaction(async () => {
    add('mine')
    begun.resolve()
    await done.promise
    t.same(titles(), ['mine'])
    throw oops
  })
  await begun.promise
  let over = false
  const other = database.transaction(() => {
    add('theirs')
    t.same(titles(), ['theirs'])
  }).then(() => { over = true })
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  t.equal(over, false)
  done.resolve()
  await t.rejects(failing, oops)
  await other
  t.same(titles(), ['theirs'])
})

t.test('transactions run in the order of their calls', async (t) => {
  const { database, add, titles } = notes(t)
  await Promise.all(Array.from('abcdefgh', (title, i) => database.transaction(async () => {
    add(`${title}1`)
    for (let turn = 0; turn < 8 - i; turn++) await new Promise(setImmediate)
    add(`${title}2`)
  })))
  t.same(titles(), Array.from('abcdefgh', (title) => [`${title}1`, `${title}2`]).flat())
})

t.test('a call after the end of its transaction throws TransactionOverError', async (t) => {
  const { database, add, titles } = notes(t)
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

  const over = moment()
  await database.transaction(() => { late = straggle(over.promise) })
  over.resolve()
  await late

  await database.transaction(async () => {
    const over = moment()
    await database.transaction(() => { late = straggle(over.promise) })
    over.resolve()
    await late
  })
  t.same(titles(), [])
})

t.test('an error that makes SQLite roll back ends the transaction', async (t) => {
  const { database, add, titles } = notes(t)
  const violate = () => database.sql.run(sql`INSERT OR ROLLBACK INTO products (title) VALUES ('no price')`)

  await t.rejects(database.transaction(() => {
    add('a')
    violate()
  }), { cause: { code: 'SQLITE_CONSTRAINT_NOTNULL' } })

  await t.rejects(database.transaction(async () => {
    add('a')
    await t.rejects(database.transaction(violate))
    t.throws(() => add('b'), OVER)
    await t.rejects(database.transaction(() => add('c')), OVER)
  }), OVER, 'although the work went on')
  t.same(titles(), [])
  await database.transaction(() => add('d'))
  t.same(titles(), ['d'])
})

t.test('a transaction that takes too long is rolled back, and ends', async (t) => {
  const { database, add, titles } = notes(t, { transactionMs: 250 })
  const goOn = moment()
  let late: Promise<void> | undefined
  await t.rejects(database.transaction(() => {
    late = (async () => {
      add('a')
      await goOn.promise
      t.throws(() => add('b'), OVER)
    })()
    return late
  }), {
    code: 'LARDER_TRANSACTION_TIMEOUT',
    statusCode: 503,
    message: 'The transaction took longer than 0.25 s and was rolled back. Try again.'
  })
  await database.transaction(async () => {
    add('c')
    goOn.resolve()
    await late
  })
  t.same(titles(), ['c'])
})
