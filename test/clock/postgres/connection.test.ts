import { EventEmitter } from 'node:events'
import type pg from 'pg'
import t from 'tap'
import { Connection } from '../../../src/clock/postgres/connection.ts'
import { until } from '../../support/until.ts'

/** A client whose connection the test ends. */
function createClient () {
  const client = Object.assign(new EventEmitter(), {
    connect: async () => {},
    ref () {},
    unref () {},
    query () {},
    connection: { stream: { destroy () {} } }
  })
  return client as unknown as pg.Client
}

t.test('a connection that is lost while it is prepared is not used, and another one is made', async (t) => {
  const clients: pg.Client[] = []
  const connection = new Connection({
    createClient () {
      clients.push(createClient())
      return clients.at(-1)!
    },
    onConnect: async (client) => { if (clients.length < 3) client.emit('end') },
    deadlineMs: 1_000
  })
  t.teardown(() => connection.close())
  await t.rejects(connection.open(), { message: 'The connection was lost.' })
  t.notOk(connection.isReady)
  connection.query({ text: '', rowMode: 'array' }, (error) => t.match(error, { message: /is not available/ }))
  await until('it is ready', () => connection.isReady)
  t.equal(clients.length, 3)
  clients[0]!.emit('error', new Error('late'))
  t.ok(connection.isReady, 'an old client does not matter')
})

t.test('a query that takes too long fails, and its connection is dropped', async (t) => {
  const connection = new Connection({ createClient, onConnect: async () => {}, deadlineMs: 5 })
  t.teardown(() => connection.close())
  await connection.open()
  const failed = Promise.withResolvers<Error | undefined>()
  connection.query({ text: '', rowMode: 'array' }, failed.resolve)
  t.match(await failed.promise, { message: 'The database did not answer within 5 ms.' })
  t.notOk(connection.isReady)
  await until('it is ready again', () => connection.isReady)
  connection.reconnect()
  connection.reconnect()
  t.notOk(connection.isReady)
  connection.close()
})
