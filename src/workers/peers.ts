import type { Answers, FromWorker, ToWorker } from './messages.ts'

/** The other workers of the service, and the primary process, as a worker sees them. */
export interface Peers {
  /** Calls the handler of a topic in all other workers. */
  request (topic: string, argument: unknown): Promise<Answers>
  /** Handles the requests of other workers. A topic without a handler is answered with undefined. */
  handle (topic: string, handler: Handler): void
}

/** As `Peers`, for the start and the end of a worker. */
export interface WorkerChannel extends Peers {
  send (message: FromWorker): void
  /** Called when the primary wants the worker to end; undefined once it does. */
  onStop: (() => void) | undefined
  /** Closes the channel after the last message, which would keep the process alive otherwise. */
  close (): void
}

export type Handler = (argument: never) => unknown

/** The process of a worker, as far as it is used. */
export interface WorkerProcess {
  send? (message: FromWorker, callback: () => void): unknown
  on (event: 'message', listener: (message: ToWorker) => void): unknown
  disconnect? (): void
}

/**
 * Connects a worker to the others, through the primary.
 *
 * @param onStop called when the primary wants the worker to end, until it is replaced
 */
export function connectPeers (worker: WorkerProcess, onStop: () => void): WorkerChannel {
  const handlers = new Map<string, Handler>()
  const waiting = new Map<number, (answers: Answers) => void>()
  let count = 0

  // If the primary has ended, so does this process.
  const send = (message: FromWorker) => { worker.send!(message, () => {}) }

  async function answer (id: number, topic: string, argument: unknown): Promise<void> {
    try {
      send({ type: 'answer', id, result: await handlers.get(topic)?.(argument as never) })
    } catch {
      send({ type: 'answer', id, failed: true })
    }
  }

  worker.on('message', (message) => {
    if (message.type === 'ask') answer(message.id, message.topic, message.argument)
    else if (message.type === 'stop') channel.onStop?.()
    else if (message.type === 'answers') {
      waiting.get(message.id)?.(message.answers)
      waiting.delete(message.id)
    }
  })

  const channel: WorkerChannel = {
    onStop,
    send,
    close: () => worker.disconnect!(),
    handle (topic, handler) { handlers.set(topic, handler) },
    async request (topic, argument) {
      const { promise, resolve } = Promise.withResolvers<Answers>()
      const id = count++
      waiting.set(id, resolve)
      send({ type: 'request', id, topic, argument })
      return await promise
    }
  }
  return channel
}
