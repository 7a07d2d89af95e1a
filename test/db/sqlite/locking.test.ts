import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { addThrough, moment, notes, sharedNotes } from '../support.ts'

const BUSY = { code: 'LARDER_DATABASE_BUSY', statusCode: 503 }
const setUp = sharedNotes(t)

t.test('transaction waits for a lock of another program without blocking the event loop', async (t) => {
  const { database, add, titles, connect } = setUp(t)
  const other = connect()
  other.exec('BEGIN IMMEDIATE')
  addThrough(other, 'theirs')

  let over = false
  const transaction = database.transaction(() => add('mine')).then(() => { over = true })
  for (let turn = 0; turn < 5; turn++) await sleep(10)
  t.equal(over, false)
  t.same(await titles(), [], 'reads do not wait')

  other.exec('COMMIT')
  await transaction
  t.same(await titles(), ['theirs', 'mine'])
})

t.test('transaction rejects if the lock is never released, and the next one works', async (t) => {
  const { database, add, titles, connect } = notes(t, { lockWaitMs: 30 })
  const other = connect()
  other.exec('BEGIN IMMEDIATE')
  await t.rejects(database.transaction(() => t.fail('the work ran')), BUSY)
  other.exec('ROLLBACK')
  await database.transaction(() => add('a'))
  t.same(await titles(), ['a'])
})

t.test('transaction rejects if another one takes too long, and the next one works', async (t) => {
  const { database, add, titles } = notes(t, { lockWaitMs: 30 })
  const done = moment()
  const long = database.transaction(async () => {
    await add('a')
    await done.promise
  })
  await t.rejects(database.transaction(() => t.fail('the work ran')), BUSY)
  done.resolve()
  await long
  await database.transaction(() => add('b'))
  t.same(await titles(), ['a', 'b'])
})

t.test('transaction rejects with errors that are not about locks', async (t) => {
  const { database, add, connect } = notes(t)
  connect().exec('DROP TABLE products')
  await t.rejects(database.transaction(() => add('a')), { code: 'SQLITE_ERROR', message: 'no such table: products' })
})

t.test('a transaction holds the lock from begin to end', async (t) => {
  const { database, add, connect } = setUp(t)
  const other = connect()
  await database.transaction(async () => {
    t.throws(() => addThrough(other, 'theirs'), { code: 'SQLITE_BUSY' })
    await add('mine')
    await Promise.resolve()
    t.throws(() => addThrough(other, 'theirs'), { code: 'SQLITE_BUSY' })
  })
  addThrough(other, 'theirs')
})

t.test('the next read sees what another program has committed', async (t) => {
  const { database, titles, connect } = setUp(t)
  const other = connect()
  addThrough(other, 'a')
  t.same(await titles(), ['a'])
  other.exec('BEGIN IMMEDIATE')
  addThrough(other, 'b')
  t.same(await titles(), ['a'])
  other.exec('COMMIT')
  t.same(await titles(), ['a', 'b'])
  await database.transaction(async () => t.same(await titles(), ['a', 'b']))
  other.exec('DELETE FROM products')
  t.same(await titles(), [])
})
