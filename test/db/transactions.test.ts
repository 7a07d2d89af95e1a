import t from 'tap'
import { MAX_WAITING } from '../../src/db/transactions.ts'
import { setUp } from './fake-connection.ts'
import { moment } from './support.ts'

const OVER = { code: 'LARDER_TRANSACTION_OVER', statusCode: 500 }
const BUSY = { code: 'LARDER_DATABASE_BUSY', statusCode: 503 }
const LATE = { code: 'LARDER_TRANSACTION_TIMEOUT', statusCode: 503 }
const oops = new Error('oops')
const gone = new Error('the client has gone')

/** Waits until everything that does not depend on a timer has happened. */
const turn = () => new Promise(setImmediate)

t.test('transactions run one after another, in the order of their calls', async (t) => {
  const { transactions, log } = setUp()
  const results = ['a', 'b', 'c'].map((name) => transactions.run(async () => {
    log.push(`${name} begins`)
    await turn()
    log.push(`${name} ends`)
    if (name === 'b') throw oops
    return name
  }))
  t.match(await Promise.allSettled(results), [{ value: 'a' }, { reason: oops }, { value: 'c' }])
  t.same(log, [
    'BEGIN', 'a begins', 'a ends', 'COMMIT', 'BEGIN', 'b begins', 'b ends', 'ROLLBACK', 'BEGIN', 'c begins', 'c ends',
    'COMMIT'
  ])
})

t.test('savepoints run one after another, and those within them first', async (t) => {
  const { transactions, log } = setUp()
  await transactions.run(() => Promise.all([
    transactions.run(() => transactions.run(() => log.push('a'))),
    transactions.run(() => { throw oops }).catch(() => {}),
    transactions.run(() => log.push('c'))
  ]))
  t.same(log, [
    'BEGIN', 'SAVEPOINT larder_1', 'SAVEPOINT larder_2', 'a', 'RELEASE larder_2', 'RELEASE larder_1',
    'SAVEPOINT larder_1', 'ROLLBACK TO larder_1; RELEASE larder_1', 'SAVEPOINT larder_1', 'c', 'RELEASE larder_1',
    'COMMIT'
  ])
})

t.test('outermost is the transaction of the caller, in savepoints too', async (t) => {
  const { transactions } = setUp()
  t.equal(transactions.outermost, undefined)
  await transactions.run(async () => {
    const whole = transactions.outermost
    t.equal(transactions.current, whole)
    await transactions.run(() => transactions.run(() => {
      t.equal(transactions.outermost, whole)
      t.not(transactions.current, whole)
      whole!.hasWritten = true
    }))
    t.equal(transactions.current!.hasWritten, true)
  })
  await transactions.run(() => t.equal(transactions.current!.hasWritten, false, 'of the next one'))
})

t.test('a transaction that takes too long is rolled back, and what its work calls later rejects', async (t) => {
  const { transactions, log } = setUp({ transactionMs: 20 })
  const goOn = moment()
  const late = moment<Promise<unknown>>()
  await t.rejects(transactions.run(async () => {
    await goOn.promise
    late.resolve(Promise.all([
      t.rejects(transactions.run(() => t.fail('the work ran')), OVER),
      t.rejects(async () => transactions.current, OVER),
      t.rejects(async () => transactions.afterCommit(() => t.fail('the callback ran')), OVER)
    ]))
  }), LATE)
  t.same(log, ['BEGIN', 'ROLLBACK'])
  // The connection is in another transaction by now.
  await transactions.run(async () => {
    goOn.resolve()
    await (await late.promise)
  })
  t.same(log, ['BEGIN', 'ROLLBACK', 'BEGIN', 'COMMIT'])
})

t.test('a transaction rejects at its deadline, although its rollback has to wait for a statement', async (t) => {
  const { connection, transactions, log } = setUp({ transactionMs: 20, lockWaitMs: 60 })
  const statement = moment()
  connection.hold = (sql) => sql === 'ROLLBACK' ? statement.promise : undefined
  await t.rejects(transactions.run(() => new Promise(() => {})), LATE)
  await t.rejects(transactions.run(() => t.fail('the work ran')), BUSY, 'others wait for it')
  t.same(log, ['BEGIN', 'ROLLBACK'])
  statement.resolve()
  t.equal(await transactions.run(() => 'done'), 'done')
})

t.test('a signal', async (t) => {
  t.test('that is aborted before lets nothing begin', async (t) => {
    const { transactions, log } = setUp()
    await t.rejects(transactions.run(() => t.fail('the work ran'), AbortSignal.abort(gone)), gone)
    t.same(log, [])
  })

  t.test('that aborts while a transaction waits for another rejects it at once', async (t) => {
    const { transactions, log } = setUp()
    const controller = new AbortController()
    const goOn = moment()
    const first = transactions.run(() => goOn.promise)
    const second = transactions.run(() => t.fail('the work ran'), controller.signal)
    await turn()
    controller.abort(gone)
    await t.rejects(second, gone)
    goOn.resolve()
    await first
    await transactions.run(() => {})
    t.same(log, ['BEGIN', 'COMMIT', 'BEGIN', 'COMMIT'])
  })

  t.test('that aborts while the transaction begins lets its work not run', async (t) => {
    const { connection, transactions, log } = setUp()
    const controller = new AbortController()
    const locked = moment()
    connection.hold = (sql) => sql === 'BEGIN' ? locked.promise : undefined
    const transaction = transactions.run(() => log.push('the work ran'), controller.signal)
    await turn()
    controller.abort(gone)
    await t.rejects(transaction, gone)
    locked.resolve()
    await transactions.run(() => {})
    t.same(log, ['BEGIN', 'ROLLBACK', 'BEGIN', 'COMMIT'])
  })

  t.test('that aborts while its work runs rolls it back', async (t) => {
    const { transactions, log } = setUp()
    const controller = new AbortController()
    const goOn = moment()
    let late: Promise<unknown> | undefined
    const transaction = transactions.run(() => {
      late = goOn.promise.then(() => transactions.run(() => t.fail('the work ran')))
      return late
    }, controller.signal)
    await turn()
    controller.abort(gone)
    await t.rejects(transaction, gone)
    goOn.resolve()
    await t.rejects(late!, OVER)
    t.same(log, ['BEGIN', 'ROLLBACK'])
  })

  t.test('that aborts during the commit, or after it, has no effect', async (t) => {
    const { connection, transactions, log } = setUp()
    const controller = new AbortController()
    connection.hold = async (sql) => {
      if (sql !== 'COMMIT') return
      controller.abort(gone)
      await turn()
    }
    const seen: string[] = []
    t.equal(await transactions.run(() => {
      transactions.afterCommit(() => seen.push('committed'))
      return 'done'
    }, controller.signal), 'done')
    t.same(seen, ['committed'])
    t.same(log, ['BEGIN', 'COMMIT'])
  })
})

t.test('a commit that fails is rolled back', async (t) => {
  const { connection, transactions, log } = setUp()
  connection.hold = (sql) => { if (sql === 'COMMIT') throw oops }
  await t.rejects(transactions.run(() => transactions.afterCommit(() => t.fail('the callback ran'))), oops)
  t.same(log, ['BEGIN', 'COMMIT', 'ROLLBACK'])
})

t.test('a connection that rolls back by itself ends the transaction', async (t) => {
  const { connection, transactions, log } = setUp()
  await t.rejects(transactions.run(async () => {
    connection.inTransaction = false
    await t.rejects(transactions.run(() => t.fail('the work ran')), OVER)
  }), OVER)
  await t.rejects(transactions.run(() => transactions.run(() => { connection.inTransaction = false })), OVER)
  await t.rejects(transactions.run(() => {
    connection.inTransaction = false
    throw oops
  }), oops)
  t.same(log, ['BEGIN', 'BEGIN', 'SAVEPOINT larder_1', 'BEGIN'], 'without a statement that ends it')
})

t.test('more than 1,000 transactions never wait', async (t) => {
  const { transactions } = setUp()
  const goOn = moment()
  const first = transactions.run(() => goOn.promise)
  await turn()
  const waiting = Array.from({ length: MAX_WAITING }, () => transactions.run(() => {}))
  t.equal(transactions.meter.waiting, MAX_WAITING)
  await t.rejects(transactions.run(() => t.fail('the work ran')), BUSY)
  goOn.resolve()
  await Promise.all([first, ...waiting])
  t.equal(transactions.meter.waiting, 0)
})

t.test('onBegin that throws rejects the transaction before it begins', async (t) => {
  const { transactions, log } = setUp({ onBegin () { throw oops } })
  await t.rejects(transactions.run(() => t.fail('the work ran')), oops)
  t.same(log, [])
})

t.test('onCommit that throws rejects the transaction, and its callbacks do not run', async (t) => {
  const { transactions, log } = setUp({ onCommit () { throw oops } })
  await t.rejects(transactions.run(() => transactions.afterCommit(() => t.fail('the callback ran'))), oops)
  t.same(log, ['BEGIN', 'COMMIT'])
})
