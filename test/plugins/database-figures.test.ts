import t from 'tap'
import { listDatabaseFigures, listDatabaseMetrics } from '../../src/plugins/database-figures.ts'
import { testApp } from '../support/app.ts'

const createLoad = () => {
  const stats = () => ({ waiting: 0, running: 0, ended: 0, waitSeconds: 0, runSeconds: 0 })
  return { reads: stats(), transactions: stats() }
}

t.test('the dashboard shows the queues of the database and the mean times of the last seconds', (t) => {
  const load = createLoad()
  let now = 0
  const figures = listDatabaseFigures(load, () => now)
  const read = () => Object.fromEntries(figures.map(({ label, read }) => [label, read()]))
  t.same(read(), {
    'Database reads waiting': 0,
    'Mean wait of a read': undefined,
    'Mean time of a read': undefined,
    'Database transactions waiting': 0,
    'Mean wait of a transaction': undefined,
    'Mean time of a transaction': undefined
  })
  Object.assign(load.reads, { waiting: 3, ended: 10, waitSeconds: 5, runSeconds: 20 })
  Object.assign(load.transactions, { waiting: 1, ended: 2, waitSeconds: 8, runSeconds: 1 })
  t.match(read(), {
    'Database reads waiting': 3,
    'Mean wait of a read': 0.5,
    'Mean time of a read': 2,
    'Database transactions waiting': 1,
    'Mean wait of a transaction': 4,
    'Mean time of a transaction': 0.5
  })
  now = 5_000
  t.match(read(), { 'Mean time of a read': 2 }, 'the first interval is the last one')
  Object.assign(load.reads, { ended: 20, waitSeconds: 5, runSeconds: 60 })
  now = 9_999
  t.match(read(), { 'Mean time of a read': 3 }, 'both intervals')
  now = 10_000
  t.match(read(), { 'Mean wait of a read': 0, 'Mean time of a read': 4 }, 'the second interval')
  now = 15_000
  t.match(read(), { 'Mean time of a read': undefined }, 'nothing has ended in the third')
  t.end()
})

t.test('the metrics have the queues of the database as gauges, and its work and times as counters', (t) => {
  const load = createLoad()
  Object.assign(load.reads, { waiting: 1, running: 2, ended: 3, waitSeconds: 4, runSeconds: 5 })
  const read = () => Object.fromEntries(listDatabaseMetrics(load).map(({ name, read }) => [name, read()]))
  t.same(read(), {
    larder_database_reads_waiting: 1,
    larder_database_reads_running: 2,
    larder_database_reads_total: 3,
    larder_database_read_wait_seconds_total: 4,
    larder_database_read_seconds_total: 5,
    larder_database_transactions_waiting: 0,
    larder_database_transactions_running: 0,
    larder_database_transactions_total: 0,
    larder_database_transaction_wait_seconds_total: 0,
    larder_database_transaction_seconds_total: 0
  })
  t.end()
})

t.test('/metrics and /cache count the reads and transactions of the service', async (t) => {
  const app = await testApp(t)
  const scrape = async () => {
    const { body } = await app.inject('/metrics')
    t.match(body, '# TYPE larder_database_reads_total counter\n')
    t.match(body, '# TYPE larder_database_reads_waiting gauge\n')
    const count = (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(body)?.[1])
    return { reads: count('larder_database_reads_total'), transactions: count('larder_database_transactions_total') }
  }
  const before = await scrape()
  await app.inject('/api/products/1')
  await app.inject({ method: 'POST', url: '/api/products', payload: { title: 'Figs', price: '3' } })
  const after = await scrape()
  t.equal(after.reads, before.reads + 1)
  t.equal(after.transactions, before.transactions + 1)
  t.match((await app.inject('/cache')).body, /<dt>Mean time of a read<\/dt><dd>[\d.]+ [µm]?s</)
})
