import { EventEmitter, once } from 'node:events'
import { Duplex } from 'node:stream'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { Connection, type ConnectionOptions } from '../../../src/clock/postgres/connection.ts'
import { encodeQuery } from '../../../src/clock/postgres/messages.ts'
import { block } from '../../support/block.ts'
import { READY, writeAnswer, writeError, writeResult } from '../../support/postgres-answers.ts'
import { until } from '../../support/until.ts'

const QUERY = encodeQuery({ name: 'a', text: '' }, [])

/** A client whose server is the test. It answers the preparation of statements, by default well, and nothing else. */
function createClient (preparation: Buffer = READY) {
  const sent: Buffer[] = []
  const refs: string[] = []
  const socket = new Duplex({
    read () {},
    write (chunk: Buffer, _encoding, done) {
      sent.push(chunk)
      if (sent.length === 1) this.push(preparation)
      done()
    }
  })
  socket.on('data', () => { throw new Error('The reader of pg does not read any more.') })
  let alive: NodeJS.Timeout | undefined
  Object.assign(socket, {
    ref () {
      refs.push('ref')
      alive ??= setInterval(() => {}, 1_000)
    },
    unref () {
      refs.push('unref')
      clearInterval(alive)
      alive = undefined
    }
  })
  socket.on('close', () => clearInterval(alive))
  const client = Object.assign(new EventEmitter(), { connect: async () => {}, connection: { stream: socket } })
  return { client: client as unknown as pg.Client, socket, sent, refs }
}

function createConnection (t: Test, options: Partial<ConnectionOptions> = {}, preparations: Buffer[] = []) {
  const clients: Array<ReturnType<typeof createClient>> = []
  const connection = new Connection({
    createClient () {
      clients.push(createClient(preparations.shift()))
      return clients.at(-1)!.client
    },
    onConnect: async () => {},
    statements: [{ name: 'a', text: 'SELECT 1' }, { name: '', text: 'SELECT 2' }],
    onPooled: () => t.fail('there is no pooler'),
    deadlineMs: 5_000,
    ...options
  })
  t.teardown(() => connection.close())
  const query = () => new Promise((resolve, reject) => {
    connection.query(QUERY, (error, rows) => error === undefined ? resolve(rows) : reject(error))
  })
  return { connection, clients, query }
}

t.test('statements with a name are prepared, then queries are pipelined, and each gets its answer', async (t) => {
  const { connection, clients, query } = createConnection(t)
  await connection.open()
  const [{ sent, socket, refs }] = clients as [ReturnType<typeof createClient>]
  t.match(sent[0], /a\0SELECT 1/)
  t.notMatch(sent[0], /SELECT 2/)
  const answers = Promise.allSettled([query(), query(), query()])
  t.equal(sent.length, 4, 'all are sent at once')
  socket.push(Buffer.concat([writeResult('1'), writeError('22P02', 'no number'), READY, writeResult(null)]))
  t.match(await answers, [{ value: [['1']] }, { reason: { message: 'no number', code: '22P02' } }, { value: [[null]] }])
  t.ok(connection.isReady, 'after an error about a value')
  t.same(refs.slice(-2), ['ref', 'unref'], 'the process waits for a query only')
})

t.test('a connection that is lost while it is prepared is not used, and another one is made', async (t) => {
  const { connection, clients, query } = createConnection(t, {
    onConnect: async (client) => { if (clients.length < 3) client.emit('end') }
  })
  await t.rejects(connection.open(), { message: 'The connection was lost.' })
  t.notOk(connection.isReady)
  await t.rejects(query(), { message: 'The database is not available.' })
  await until('it is ready', () => connection.isReady)
  t.equal(clients.length, 3)
  clients[0]!.client.emit('error', new Error('late'))
  t.ok(connection.isReady, 'an old client does not matter')
})

t.test('when a connection is lost, its queries fail at once, and another one is made', async (t) => {
  const { connection, clients, query } = createConnection(t)
  await connection.open()
  const [first] = clients
  const failed = Promise.allSettled([query(), query()])
  first!.client.emit('end')
  const lost = { reason: { message: 'The connection was lost.' } }
  t.match(await failed, [lost, lost])
  await until('it is ready again', () => connection.isReady)
  const answer = query()
  first!.socket.emit('data', writeResult('late'))
  clients[1]!.socket.push(writeResult('1'))
  t.same(await answer, [['1']])
})

t.test('a query that takes too long fails, and its connection is dropped', async (t) => {
  const { connection, clients, query } = createConnection(t, { deadlineMs: 100 })
  await connection.open()
  const answered = query()
  const closed = once(clients[0]!.socket, 'close')
  clients[0]!.socket.push(writeResult('1'))
  await answered
  await new Promise((resolve) => setTimeout(resolve, 50))
  const startedAt = performance.now()
  await t.rejects(query(), { message: 'The database did not answer within 100 ms.' })
  t.ok(performance.now() - startedAt >= 100, 'each query has its own time')
  t.notOk(connection.isReady)
  await closed
  await until('it is ready again', () => connection.isReady)
  connection.reconnect()
  connection.reconnect()
  t.notOk(connection.isReady)
  connection.close()
})

t.test('answers that arrive during a long turn of the event loop are in time', async (t) => {
  const { connection, clients, query } = createConnection(t, { deadlineMs: 10 })
  await connection.open()
  const answer = query()
  clients[0]!.socket.push(writeResult('1'))
  block(20)
  t.same(await answer, [['1']])
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.ok(connection.isReady, 'without queries, there is no deadline')
})

for (const [what, bytes] of Object.entries({
  'an unknown message': writeAnswer('G'),
  'an answer to no query': Buffer.concat([writeResult('1'), writeResult('2')]),
  'an error about more than a value': Buffer.concat([writeError('42883', 'no function'), READY])
})) {
  t.test(`after ${what}, the connection is dropped`, async (t) => {
    const { connection, clients, query } = createConnection(t)
    await connection.open()
    const answer = query().catch(() => {})
    clients[0]!.socket.push(bytes)
    await answer
    await until('it is dropped', () => clients[0]!.socket.destroyed)
    await until('it is ready again', () => connection.isReady)
    t.equal(clients.length, 2)
  })
}

t.test('statements that cannot be prepared fail the connection', async (t) => {
  const { connection } = createConnection(t, {
    createClient () {
      const { client, socket } = createClient()
      socket.push(Buffer.concat([writeError('42883', 'no function')]))
      return client
    }
  })
  await t.rejects(connection.open(), { message: 'no function' })
  t.notOk(connection.isReady)
})

t.test('a pooler that loses prepared statements is noticed, and the connection is used on', async (t) => {
  let noticed = 0
  const { connection, clients, query } = createConnection(t, { onPooled: () => { noticed++ } })
  await connection.open()
  const [{ socket }] = clients as [ReturnType<typeof createClient>]
  for (const code of ['26000', '42P05']) {
    const answer = query()
    socket.push(Buffer.concat([writeError(code, 'prepared statement "a"'), READY]))
    await t.rejects(answer, { code })
  }
  const answer = query()
  socket.push(writeResult('1'))
  t.same(await answer, [['1']])
  t.equal(noticed, 2)
  t.equal(clients.length, 1)
})

t.test('a statement that another process has prepared through a pooler does not prevent the start', async (t) => {
  let noticed = 0
  const answers = [Buffer.concat([writeError('42P05', 'prepared statement "a" already exists'), READY])]
  const { connection, clients } = createConnection(t, { onPooled: () => { noticed++ } }, answers)
  await connection.open()
  t.equal(connection.isReady, true)
  t.same([noticed, clients.length], [1, 1])
})
