import type { FromWorker, ToWorker } from './messages.ts'
import { rescueHandovers, type WorkerProcess } from './handovers.ts'
import type { Log } from './log.ts'
import { type Member, Relay } from './relay.ts'
import { Restarts } from './restarts.ts'

/** A worker of node:cluster, as far as it is used. */
export interface WorkerHandle {
  readonly id: number
  readonly process: WorkerProcess & { readonly pid?: number | undefined, kill (signal: NodeJS.Signals): unknown }
  send (message: ToWorker, callback: () => void): unknown
  on (event: 'message', listener: (message: FromWorker) => void): unknown
  on (event: 'error', listener: () => void): unknown
  once (event: 'exit', listener: (status: number | null, signal: string | null) => void): unknown
}

export interface PrimaryOptions {
  /** The number of workers. */
  count: number
  /**
   * Starts a worker.
   *
   * @param port to listen on; default that of the configuration. If it is 0, node:cluster chooses one for all workers.
   */
  fork (port?: number): WorkerHandle
  log: Log
}

/** The running workers. */
export interface Workers {
  /** The address where they listen. */
  readonly address: string
  /** Ends all workers, after the responses in flight. */
  stop (): Promise<void>
}

/**
 * Starts workers, and replaces each one that ends. Resolves when all are listening; rejects if one cannot start, after
 * all have ended.
 */
export function startWorkers (options: PrimaryOptions): Promise<Workers> {
  return new Primary(options).started
}

/** A worker that has not ended. */
interface Running {
  readonly worker: WorkerHandle
  readonly restarts: Restarts
  readonly member: Member
  isListening: boolean
  /** Whether another worker takes its place, because it closes or has ended. */
  hasLeft: boolean
  /** Why it could not start. */
  failure?: string
}

class Primary {
  readonly #options: PrimaryOptions
  readonly #relay = new Relay()
  readonly #running = new Set<Running>()
  /** One for each of the workers that run at a time. */
  readonly #restarts: readonly Restarts[]
  readonly #started = Promise.withResolvers<Workers>()
  readonly #ended = Promise.withResolvers<void>()
  /** The number of the port, once no worker is left with which the next one could share port 0. */
  #port: number | undefined
  /** Known when all workers have started. */
  #address: string | undefined
  #isStopping = false

  constructor (options: PrimaryOptions) {
    this.#options = options
    this.#restarts = Array.from({ length: options.count }, () => new Restarts())
    for (const restarts of this.#restarts) this.#start(restarts)
  }

  get started (): Promise<Workers> {
    return this.#started.promise
  }

  #start (restarts: Restarts): void {
    restarts.begin()
    const worker = this.#options.fork(this.#port)
    const member: Member = {
      id: worker.id,
      send: (message) => { worker.send(message, () => {}) }, // if it has ended, `exit` follows
      onHung: () => {
        this.#options.log.error(`worker ${worker.process.pid} hangs and is ended`)
        worker.process.kill('SIGKILL')
      }
    }
    const running: Running = { worker, restarts, member, isListening: false, hasLeft: false }
    this.#running.add(running)
    rescueHandovers(worker.process, () => this.#hasListening(running))
    worker.on('error', () => {}) // `exit` follows
    worker.on('message', (message) => this.#onMessage(running, message))
    worker.once('exit', (status, signal) => this.#onExit(running, signal ?? `status ${status}`))
  }

  #onMessage (running: Running, message: FromWorker): void {
    const { member } = running
    switch (message.type) {
      case 'join': return this.#relay.join(member)
      case 'request': return this.#relay.request(member, message)
      case 'answer': return this.#relay.answer(member, message)
      case 'listening': return this.#onListening(running, message.address)
      case 'failed': running.failure = message.message; return
      case 'leave': return this.#replace(running, 'closes')
    }
  }

  #onListening (running: Running, address: string): void {
    running.isListening = true
    if (this.#address === undefined) {
      if ([...this.#running].filter(({ isListening }) => isListening).length < this.#restarts.length) return
      this.#address = address
      this.#started.resolve({ address, stop: () => this.#stop() })
    } else if (address !== this.#address) {
      // With port 0, the last worker that shared the port has ended meanwhile. The next one gets its number.
      running.worker.process.kill('SIGKILL')
    }
  }

  #onExit (running: Running, how: string): void {
    this.#running.delete(running)
    this.#replace(running, running.failure === undefined ? `ended with ${how}` : `cannot start (${running.failure})`)
    if (this.#isStopping && this.#running.size === 0) this.#ended.resolve()
  }

  /** Starts another worker in place of one that ends or has ended. */
  #replace (running: Running, how: string): void {
    if (running.hasLeft) return
    running.hasLeft = true
    running.isListening = false
    this.#relay.leave(running.member)
    if (this.#isStopping) return
    if (this.#address === undefined) {
      this.#fail(running.failure ?? `A worker ${how} before it was ready.`)
      return
    }
    if (!this.#hasListening(running)) this.#port = Number(new URL(this.#address).port)
    const delay = running.restarts.nextDelay()
    const when = delay === 0 ? 'at once' : `in ${delay} ms`
    this.#options.log.warn(`worker ${running.worker.process.pid} ${how}; another one starts ${when}`)
    running.restarts.timer = setTimeout(() => this.#start(running.restarts), delay)
  }

  /** Whether any other worker listens. */
  #hasListening (except: Running): boolean {
    return [...this.#running].some((running) => running.isListening && running !== except)
  }

  /** Ends the other workers, because one cannot start. */
  async #fail (message: string): Promise<void> {
    await this.#stop()
    this.#started.reject(new Error(message))
  }

  async #stop (): Promise<void> {
    this.#isStopping = true
    for (const { timer } of this.#restarts) clearTimeout(timer)
    for (const { member } of this.#running) member.send({ type: 'stop' })
    if (this.#running.size === 0) this.#ended.resolve()
    await this.#ended.promise
  }
}
