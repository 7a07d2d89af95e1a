import { EventEmitter } from 'node:events'
import t, { type Test } from 'tap'
import { LAST_MESSAGES_MS, rescueHandovers } from '../../src/workers/handovers.ts'

/** A worker that is about to get connections 1 and 2, of which it acknowledges the first. */
function setUp (t: Test, hasOthers: boolean) {
  t.clock.enter()
  t.teardown(() => t.clock.exit())
  const sent: unknown[][] = []
  const events: string[] = []
  const worker = Object.assign(new EventEmitter(), { send: (...message: unknown[]) => { sent.push(message) } })
  rescueHandovers(worker, () => hasOthers)
  worker.on('internalMessage', (message) => {
    if (message.accepted === false) events.push(`${message.cmd}: ${message.ack} refused`)
  })
  worker.on('disconnect', () => events.push('disconnect'))
  const pass = (seq: number) => {
    const send: (...message: unknown[]) => void = worker.send
    send({ act: 'newconn', seq }, { close: () => events.push(`${seq} closed`) })
  }
  pass(1)
  pass(2)
  worker.send({ type: 'stop' })
  worker.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: 1, accepted: true })
  worker.emit('internalMessage', { cmd: 'NODE_CLUSTER', act: 'listening', seq: 2 })
  return { worker, sent, events, advance: (ms: number) => t.clock.advance(ms) }
}

t.test('connections that a worker was about to get when it ended go to another one', async (t) => {
  const { worker, sent, events, advance } = setUp(t, true)
  t.same(sent.map(([message]) => message), [{ act: 'newconn', seq: 1 }, { act: 'newconn', seq: 2 }, { type: 'stop' }])
  worker.emit('exit')
  advance(LAST_MESSAGES_MS - 1)
  t.same(events, [], 'its last messages may still arrive')
  advance(1)
  t.same(events, ['disconnect', 'NODE_CLUSTER: 2 refused'])
})

t.test('a worker that has disconnected is not disconnected again', async (t) => {
  const { worker, events, advance } = setUp(t, true)
  worker.emit('disconnect')
  worker.emit('exit')
  advance(LAST_MESSAGES_MS)
  t.same(events, ['disconnect', 'NODE_CLUSTER: 2 refused'])
})

t.test('without another worker, these connections are closed', async (t) => {
  const { worker, events, advance } = setUp(t, false)
  worker.emit('exit')
  advance(LAST_MESSAGES_MS)
  t.same(events, ['disconnect', '2 closed'])
})
