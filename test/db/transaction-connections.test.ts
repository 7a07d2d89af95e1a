import t from 'tap'
import { FakeConnection, setUp } from './fake-connection.ts'
import { moment } from './support.ts'

const oops = new Error('oops')

t.test('several transactions run at once if they may, each on a connection of its own', async (t) => {
  const connections = [new FakeConnection(), new FakeConnection()]
  const free = [...connections]
  const { transactions } = setUp({ connect: () => free.shift()!, maxRunning: 2 })
  const goOn = moment()
  const first = transactions.run(() => goOn.promise)
  await transactions.run(() => transactions.run(() => {}))
  t.same(connections.map(({ log }) => log), [
    ['BEGIN'], ['BEGIN', 'SAVEPOINT larder_1', 'RELEASE larder_1', 'COMMIT']
  ])
  goOn.resolve()
  await first
  t.same(connections[0]!.log, ['BEGIN', 'COMMIT'])
})

t.test('a connection is released after its transaction, also if it has failed to begin', async (t) => {
  const { connection, transactions, log } = setUp()
  Object.assign(connection, { release: () => log.push('released') })
  await transactions.run(() => {})
  connection.hold = () => { throw oops }
  await t.rejects(transactions.run(() => t.fail('the work ran')), oops)
  t.same(log, ['BEGIN', 'COMMIT', 'released', 'BEGIN', 'released'])
})
