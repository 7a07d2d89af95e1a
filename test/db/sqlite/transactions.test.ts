import { sql } from 'drizzle-orm'
import t from 'tap'
import { moment, sharedNotes } from '../support.ts'

const OVER = { code: 'LARDER_TRANSACTION_OVER' }
const oops = new Error('oops')
const setUp = sharedNotes(t)

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
