/** A connection on its way to a worker. */
interface Connection {
  close (): void
}

/** Messages of node:cluster itself. */
interface ClusterMessage {
  readonly act?: string
  readonly seq?: number
  /** The number of the message that this one acknowledges. */
  readonly ack?: number
}

/** The process of a worker, as the primary sees it. */
export interface WorkerProcess {
  send (message: ClusterMessage, handle?: unknown, ...more: unknown[]): unknown
  on (event: 'internalMessage', listener: (message: ClusterMessage) => void): unknown
  once (event: 'exit' | 'disconnect', listener: () => void): unknown
  emit (event: 'internalMessage', message: object): unknown
  emit (event: 'disconnect'): unknown
}

/** Milliseconds in which what a worker sent before it ended has arrived. */
export const LAST_MESSAGES_MS = 20

/**
 * Passes the connections on to other workers that a worker was about to get when it ended.
 *
 * node:cluster waits for ever for the worker to acknowledge such a connection, and so would the client. So this emits a
 * refusal in place of the worker, after which node:cluster chooses another one. While node:cluster waits, it does not
 * notice that the channel is closed either, and would pass on further connections.
 *
 * @param hasOthers whether another worker listens; otherwise the connections are closed
 */
export function rescueHandovers (process: WorkerProcess, hasOthers: () => boolean): void {
  const waiting = new Map<number, Connection>()
  let isConnected = true
  const send = process.send.bind(process)
  process.send = (message, handle, ...more) => {
    if (message.act === 'newconn') waiting.set(message.seq!, handle as Connection)
    return send(message, handle, ...more)
  }
  process.on('internalMessage', ({ ack }) => { if (ack !== undefined) waiting.delete(ack) })
  process.once('disconnect', () => { isConnected = false })
  process.once('exit', () => setTimeout(() => {
    if (isConnected) process.emit('disconnect')
    for (const [seq, connection] of waiting) {
      if (hasOthers()) process.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: seq, accepted: false })
      else connection.close()
    }
  }, LAST_MESSAGES_MS))
}
