import { EventEmitter } from 'node:events'
import type { FromWorker, ToWorker } from '../../src/workers/messages.ts'
import { connectPeers, type WorkerChannel } from '../../src/workers/peers.ts'
import { type Member, Relay } from '../../src/workers/relay.ts'

/** The end of a channel that a worker has. */
class WorkerEnd extends EventEmitter<{ message: [ToWorker] }> {
  send: (message: FromWorker) => void
  disconnect = () => {}

  constructor (send: (message: FromWorker) => void) {
    super()
    this.send = send
  }
}

/** Connects workers in this process through a relay, which copies messages as the channel of a process does. */
export function connectWorkers (count: number): { peers: WorkerChannel[], relay: Relay, members: Member[] } {
  const relay = new Relay()
  const members: Member[] = []
  const peers = Array.from({ length: count }, (_, i) => {
    const end = new WorkerEnd((message) => {
      const copy = structuredClone(message)
      setImmediate(() => {
        if (copy.type === 'request') relay.request(member, copy)
        else if (copy.type === 'answer') relay.answer(member, copy)
      })
    })
    const member: Member = {
      id: i + 1,
      send: (message) => {
        const copy = structuredClone(message)
        setImmediate(() => end.emit('message', copy))
      },
      onHung () {}
    }
    members.push(member)
    relay.join(member)
    return connectPeers(end, () => {})
  })
  return { peers, relay, members }
}
