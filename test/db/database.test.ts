import { sql } from 'drizzle-orm'
import t from 'tap'
import { moment, notes, sharedNotes } from './support.ts'

const OVER = { code: 'LARDER_TRANSACTION_OVER' }
const oops = new Error('oops')
const setUp = sharedNotes(t)

t.test('transaction commits, and returns the result of its work', async (t) => {
  const { database, add, titles } = setUp(t)
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
  const { database, add, titles } = setUp(t)
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

t.test('a failing statement rolls back the transaction, unless the work catches the error', async (t) => {
  const { database, add, titles } = setUp(t)
  const wrong = () => database.sql.run(sql`INSERT INTO products (title) VALUES ('no price')`)
  await t.rejects(database.transaction(async () => {
    await add('a')
    await wrong()
  }), { code: 'SQLITE_CONSTRAINT_NOTNULL' })
  t.same(await titles(), [])
  await database.transaction(async () => {
    await add('b')
    await t.rejects(wrong())
    await add('c')
  })
  t.same(await titles(), ['b', 'c'])
})

t.test('inTransaction is true inside the transaction only', async (t) => {
  const { database } = setUp(t)
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
  const { database, add, titles } = setUp(t)
  const written = moment()
  const done = moment()
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

t.test('a concurrent write waits for the transaction, and survives its rollback', async (t) => {
  const { database, add, titles } = setUp(t)
  const begun = moment()
  const done = moment()
  const failing = database.transaction(async () => {
    await add('mine')
    begun.resolve()
    await done.promise
    t.same(await titles(), ['mine'])
    throw oops
  })
  await begun.promise
  let over = false
  const other = database.transaction(async () => {
    await add('theirs')
    t.same(await titles(), ['theirs'])
  }).then(() => { over = true })
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
  t.equal(over, false)
  done.resolve()
  await t.rejects(failing, oops)
  await other
  t.same(await titles(), ['theirs'])
})

t.test('transactions run in the order of their calls', async (t) => {
  const { database, add, titles } = setUp(t)
  await Promise.all(Array.from('abcdefgh', (title, i) => database.transaction(async () => {
    await add(`${title}1`)
    for (let turn = 0; turn < 8 - i; turn++) await new Promise(setImmediate)
    await add(`${title}2`)
  })))
  t.same(await titles(), Array.from('abcdefgh', (title) => [`${title}1`, `${title}2`]).flat())
})

t.test('a call after the end of its transaction throws TransactionOverError', async (t) => {
  const { database, add, titles } = setUp(t)
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
  t.same(await titles(), [])
})

t.test('an error that makes SQLite roll back ends the transaction', async (t) => {
  const { database, add, titles } = setUp(t)
  const violate = () => database.sql.run(sql`INSERT OR ROLLBACK INTO products (title) VALUES ('no price')`)

  await t.rejects(database.transaction(async () => {
    await add('a')
    await violate()
  }), { code: 'SQLITE_CONSTRAINT_NOTNULL' })

  await t.rejects(database.transaction(async () => {
    await add('a')
    await t.rejects(database.transaction(async () => { await violate() }))
    await t.rejects(add('b'), OVER)
    await t.rejects(database.transaction(() => add('c')), OVER)
  }), OVER, 'although the work went on')
  t.same(await titles(), [])
  await database.transaction(() => add('d'))
  t.same(await titles(), ['d'])
})

t.test('a transaction that takes too long is rolled back, and ends', async (t) => {
  const { database, add, titles } = notes(t, { transactionMs: 250 })
  const goOn = moment()
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
