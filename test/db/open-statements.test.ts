import { mock } from 'node:test'
import type Sqlite from 'better-sqlite3'
import t, { type Test } from 'tap'
import { REPEAT_MS } from '../../src/db/warnings.ts'
import { addThrough, moment, notes } from './support.ts'

const OVER = { code: 'LARDER_TRANSACTION_OVER' }
const oops = new Error('oops')

type Iterator = IterableIterator<{ title: string }>

/** A database with two products, and the warnings that it gives. */
async function setUp (t: Test) {
  const warnings: string[] = []
  const works = notes(t, { onWarning: (message) => warnings.push(message) })
  await works.database.transaction(() => {
    works.add('a')
    works.add('b')
  })
  const client = () => (works.database.sql as unknown as { $client: Sqlite.Database }).$client
  /** Reads one row only. */
  const leaveOpen = (connection = client()) => {
    const rows = connection.prepare('SELECT title FROM products').iterate() as Iterator
    t.same(rows.next().value, { title: 'a' })
    return rows
  }
  return { ...works, warnings, client, leaveOpen }
}

t.test('an iterator that is left open in a transaction', async (t) => {
  t.test('does not prevent the commit, and cannot be read on', async (t) => {
    const { database, add, titles, leaveOpen, warnings, connect } = await setUp(t)
    const rows = await database.transaction(() => {
      add('c')
      return leaveOpen()
    })
    t.throws(() => rows.next(), OVER)
    t.same(titles(), ['a', 'b', 'c'])
    t.equal(database.checkState(), 'ok')
    addThrough(connect(), 'd')
    await database.transaction(() => add('e'))
    t.same(titles(), ['a', 'b', 'c', 'd', 'e'])
    t.equal(warnings.length, 1)
    t.match(warnings[0], 'iterator open')
  })

  t.test('does not prevent a rollback', async (t) => {
    const { database, add, titles, leaveOpen, warnings } = await setUp(t)
    await t.rejects(database.transaction(() => {
      add('c')
      leaveOpen()
      throw oops
    }), oops)
    t.same(titles(), ['a', 'b'])
    t.equal(warnings.length, 1)
  })

  t.test('does not prevent the end of a savepoint', async (t) => {
    const { database, add, titles, leaveOpen } = await setUp(t)
    await database.transaction(async () => {
      await database.transaction(() => {
        add('c')
        leaveOpen()
      })
      await t.rejects(database.transaction(() => {
        add('d')
        leaveOpen()
        throw oops
      }), oops)
      add('e')
    })
    t.same(titles(), ['a', 'b', 'c', 'e'])
  })

  t.test('is closed when the transaction takes too long', async (t) => {
    const { database, add, titles, leaveOpen } = notesWithin(t, 20)
    await database.transaction(() => add('a'))
    const never = moment()
    await t.rejects(database.transaction(async () => {
      add('b')
      leaveOpen()
      await never.promise
    }), { code: 'LARDER_TRANSACTION_TIMEOUT' })
    await database.transaction(() => add('c'))
    t.same(titles(), ['a', 'c'])
  })
})

/** A database whose transactions may take some milliseconds. */
function notesWithin (t: Test, transactionMs: number) {
  const works = notes(t, { transactionMs })
  const client = () => (works.database.sql as unknown as { $client: Sqlite.Database }).$client
  return { ...works, leaveOpen: () => { client().prepare('SELECT * FROM products').iterate().next() } }
}

t.test('iterators that are read to their end or closed give no warning', async (t) => {
  const { database, client, leaveOpen, warnings } = await setUp(t)
  await database.transaction(() => {
    t.equal([...client().prepare('SELECT * FROM products').iterate()].length, 2)
    const [first] = client().prepare('SELECT title FROM products WHERE title < ?').pluck().iterate('z')
    t.equal(first, 'a')
    leaveOpen().return!()
  })
  t.same(warnings, [])
})

t.test('what a caller leaves open on the connection of transactions after one has ended is closed', async (t) => {
  const { database, add, titles, client, leaveOpen, warnings, connect } = await setUp(t)
  const writer = await database.transaction(client)
  leaveOpen(writer)
  await database.transaction(() => add('c'))
  writer.exec("BEGIN IMMEDIATE; INSERT INTO products (title, price) VALUES ('lost', '1')")
  await database.transaction(() => add('d'))
  writer.exec('BEGIN IMMEDIATE')
  leaveOpen(writer)
  t.equal(database.checkState(), 'ok', 'at the next check of its state')
  addThrough(connect(), 'e')
  t.same(titles(), ['a', 'b', 'c', 'd', 'e'])
  t.equal(warnings.length, 2)
  t.match(warnings[1], 'rolled back')
})

t.test('a warning is repeated after a minute at most', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { database, leaveOpen, warnings } = await setUp(t)
  const leave = () => database.transaction(() => { leaveOpen() })
  await leave()
  await leave()
  t.equal(warnings.length, 1)
  mock.timers.tick(REPEAT_MS)
  await leave()
  t.equal(warnings.length, 2)
})
