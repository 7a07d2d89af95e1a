import { EventEmitter } from 'node:events'
import t from 'tap'
import type { ToWorker } from '../../src/workers/messages.ts'
import { connectPeers } from '../../src/workers/peers.ts'
import { connectWorkers } from '../support/workers.ts'

t.test('a request calls the handlers of all other workers', async (t) => {
  const { peers: [a, b, c] } = connectWorkers(3)
  a!.handle('double', () => t.fail('its own handler is not called'))
  b!.handle('double', (n: number) => n * 2)
  c!.handle('double', async (n: number) => n * 20)
  const [first, second] = await Promise.all([a!.request('double', 1), a!.request('double', 2)])
  t.same(first, { results: [2, 20], missing: 0 })
  t.same(second, { results: [4, 40], missing: 0 })
  t.same(await a!.request('unknown', 1), { results: [undefined, undefined], missing: 0 })
})

t.test('a handler that fails is reported as missing', async (t) => {
  const { peers: [a, b] } = connectWorkers(2)
  b!.handle('x', () => { throw new Error('no') })
  t.same(await a!.request('x', 1), { results: [], missing: 1 })
})

t.test('the primary ends a worker, which can choose how, and the channel closes', async (t) => {
  const calls: string[] = []
  const worker = Object.assign(new EventEmitter<{ message: [ToWorker] }>(), {
    send () {},
    disconnect: () => calls.push('closed')
  })
  const stop = () => worker.emit('message', { type: 'stop' })
  const channel = connectPeers(worker, () => calls.push('exit'))
  stop()
  channel.onStop = () => { calls.push('close') }
  stop()
  channel.onStop = undefined
  stop()
  channel.close()
  t.same(calls, ['exit', 'close', 'closed'])
})
