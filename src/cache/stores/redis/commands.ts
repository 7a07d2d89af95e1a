import type { Writable } from 'node:stream'
import { RedisUnavailableError } from '../../errors.ts'
import { elapsed, startTimer, toTimerMs } from '../../util/timer.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import { redisChannel, type RedisEvent } from './client.ts'
import type { IoredisClient } from './ioredis.ts'

export interface RedisCommandsOptions {
  client: IoredisClient
  /** A key that may be read to find out whether Redis replies. */
  probeKey: string
  /** Milliseconds in which Redis must reply to a command. Default 50. */
  commandTimeout?: number
  /** Called once when Redis becomes unavailable, with the reason, and once when it has recovered. */
  onStateChange?: (up: boolean, reason?: Error) => void
}

/** Commands in flight. Others are queued, so that a bulk of commands is not mistaken for a slow Redis. */
const MAX_IN_FLIGHT = 256
/** States of a client that has lost its connection, or never had one. */
const DISCONNECTED = new Set(['reconnecting', 'close', 'end'])
/** Errors of a Redis that serves no command at present. With any other error, it has refused just this one. */
const SERVES_NOTHING = /^(LOADING|MASTERDOWN|CLUSTERDOWN|BUSY|NOAUTH|WRONGPASS)\b/
/** Errors of a Redis that takes no writes at present. That of a script contains that of its command in Redis 6. */
const TAKES_NO_WRITES = /\b(OOM|READONLY|MISCONF|NOREPLICAS|NOPERM|ACL failure|user executing the script can't run)\b/

/**
 * Sends commands to Redis, each with a deadline. Commands of one turn of the event loop are sent together, and none is
 * sent while the circuit is open.
 */
export class RedisCommands {
  readonly client: IoredisClient
  readonly #commandTimeout: number
  readonly #probeKey: string
  readonly #circuit: CircuitBreaker
  #inFlight = 0
  #outages = 0
  readonly #queue = new Set<() => void>()

  constructor ({ client, probeKey, commandTimeout = 50, onStateChange }: RedisCommandsOptions) {
    this.client = client
    this.#commandTimeout = toTimerMs(commandTimeout)
    this.#probeKey = probeKey
    const onOpen = () => {
      this.#outages++
      this.#sendQueued()
    }
    this.#circuit = new CircuitBreaker({ probe: () => this.#probe(), onOpen, onStateChange })
    // Every store that uses the client adds listeners; that is not a leak.
    client.setMaxListeners(client.getMaxListeners() + 1)
    client.on('error', this.#onError)
    client.on('close', this.#onClose)
    client.on('ready', this.#onReady)
    if (DISCONNECTED.has(client.status)) this.#circuit.open(new Error('there is no connection'))
  }

  get available (): boolean {
    return !this.#circuit.isOpen
  }

  /** How often the circuit has opened. */
  get outages (): number {
    return this.#outages
  }

  /**
   * Sends a command. Rejects with its error, or with a `RedisUnavailableError`.
   *
   * @param name of the command, for the diagnostics channel
   * @param command calls the client
   */
  run<T> (name: string, command: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const send = () => this.#send(name, command, resolve, reject)
      if (this.#inFlight < MAX_IN_FLIGHT) send()
      else this.#queue.add(send)
    })
  }

  close (): void {
    this.#circuit.dispose()
    this.client.off('error', this.#onError)
    this.client.off('close', this.#onClose)
    this.client.off('ready', this.#onReady)
    this.client.setMaxListeners(this.client.getMaxListeners() - 1)
  }

  readonly #onError = (error: Error): void => this.#circuit.explain(error)
  readonly #onClose = (): void => this.#circuit.open(this.#circuit.reason ?? new Error('the connection was closed'))
  readonly #onReady = (): void => this.#circuit.probe()

  #send<T> (
    name: string, command: () => Promise<T>, resolve: (reply: T) => void, reject: (error: Error) => void
  ): void {
    if (this.#circuit.isOpen) {
      const reason = this.#circuit.reason!.message
      return reject(new RedisUnavailableError(`Redis is unavailable, the circuit is open: ${reason}`))
    }
    this.#inFlight++
    this.#sendTogether()
    const sentAt = startTimer(redisChannel)
    let isSettled = false
    /** False if the command was settled before. */
    const settle = (outcome: RedisEvent['outcome']): boolean => {
      if (isSettled) return false
      isSettled = true
      clearDeadline()
      this.#inFlight--
      if (redisChannel.hasSubscribers) {
        redisChannel.publish({ client: this.client, command: name, outcome, ms: elapsed(sentAt) } satisfies RedisEvent)
      }
      this.#sendQueued()
      return true
    }
    const clearDeadline = this.#setDeadline(() => {
      const error = new RedisUnavailableError(`Redis did not reply within ${this.#commandTimeout} ms.`)
      this.#circuit.failure(error)
      reject(error)
      settle('timeout')
    })
    command().then((reply) => {
      if (!settle('ok')) return
      this.#circuit.success()
      resolve(reply)
    }, (error: Error) => {
      if (!settle(isMissingScript(error) ? 'ok' : 'error')) return
      if (isReply(error)) this.#circuit.success()
      else this.#circuit.failure(error)
      reject(error)
    })
  }

  /** Sends what fits into the window; while the circuit is open, every queued command, which rejects it. */
  #sendQueued (): void {
    for (const send of this.#queue) {
      if (this.available && this.#inFlight >= MAX_IN_FLIGHT) return
      this.#queue.delete(send)
      send()
    }
  }

  /** Holds the socket back until the end of this turn of the event loop: each write costs a system call. */
  #sendTogether (): void {
    const { stream } = this.client as { stream?: Writable } // a cluster has no stream of its own
    if (stream === undefined || stream.writableCorked > 0) return
    stream.cork()
    setImmediate(() => stream.uncork())
  }

  /**
   * Calls back at the deadline of a command, and returns how to prevent that. If the event loop was blocked meanwhile,
   * the deadline is extended once: the time of this process is not Redis's fault.
   */
  #setDeadline (callback: () => void): () => void {
    let timer: NodeJS.Timeout
    let immediate: NodeJS.Immediate | undefined
    const start = (mayExtend: boolean) => {
      const deadline = performance.now() + this.#commandTimeout
      timer = setTimeout(() => {
        const wasBlocked = performance.now() - deadline > this.#commandTimeout / 2
        if (mayExtend && wasBlocked) return start(false)
        // A reply that has reached the socket is read before this.
        immediate = setImmediate(callback)
      }, this.#commandTimeout)
    }
    start(true)
    return () => {
      clearTimeout(timer)
      if (immediate !== undefined) clearImmediate(immediate)
    }
  }

  /** Whether Redis replies in time. An error counts, unless Redis serves nothing. */
  async #probe (): Promise<boolean> {
    if (this.client.status !== 'ready') return false
    const sentAt = performance.now()
    try {
      await this.client.get(this.#probeKey)
    } catch (error) {
      return isReply(error as Error)
    }
    return performance.now() - sentAt <= this.#commandTimeout
  }
}

/** Whether Redis does not have the script of an EVALSHA yet. That is no failure: the script is sent in full then. */
export function isMissingScript (error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT')
}

/** Whether this error is the reply of a Redis that serves commands. */
function isReply (error: Error): boolean {
  return error.name === 'ReplyError' && !SERVES_NOTHING.test(error.message)
}

/** Whether this error of a write is the reply of a Redis that takes no writes at present. */
export function isWriteRefusal (error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError' && TAKES_NO_WRITES.test(error.message)
}
