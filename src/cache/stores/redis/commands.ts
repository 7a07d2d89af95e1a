import type { Writable } from 'node:stream'
import { elapsed, startTimer } from '../../util/timer.ts'
import { checkPositiveInteger } from '../../util/validate.ts'
import { redisChannel, type RedisClient, type RedisEvent } from './client.ts'

export interface RedisCommandsOptions {
  client: RedisClient
  /** A key that may be read to see whether Redis answers. */
  probeKey: string
  /** Milliseconds that Redis has to answer one command. Default 50. */
  commandTimeout?: number
  /** Told once each time that Redis goes, with what it failed by, and once each time that it is back. */
  onStateChange?: (up: boolean, reason?: Error) => void
}

/** What a command fails by whose time is over, or, at once and without being sent, while Redis is known to be away. */
export class RedisUnavailableError extends Error {
  readonly code = 'LARDER_REDIS_AWAY'
  override readonly name = 'RedisAwayError'
  /** Whether Redis may have got the command, or may get it yet. */
  readonly sent: boolean

  constructor (message: string, sent: boolean) {
    super(message)
    this.sent = sent
  }
}

export interface RunOptions<T> {
  late?: (answer: T) => void
  evenAway?: boolean
}

/** So many failures in a row, and Redis is not asked any more. */
const FAILURES = 3
/** Milliseconds between the questions whether it is back; doubled, up to so many, each time that it goes soon after it came. */
const PROBE_MS = 250
const LONGEST_PROBE_MS = 4_000
/** Milliseconds for which a Redis that is back must stay, lest it count as going soon. */
const STAY_MS = 5_000
/** Commands sent and not yet answered; others wait for their turn, so that a bulk of them is not taken for a slow Redis. */
const WINDOW = 256
/** States of a client that has lost its connection, or never got one. */
const LOST = new Set(['reconnecting', 'close', 'end'])
/** Replies of a Redis that serves nobody at the moment; by any other reply it serves, be it with a refusal. */
const SERVES_NOBODY = /^(LOADING|MASTERDOWN|CLUSTERDOWN|BUSY|NOAUTH|WRONGPASS)\b/

/**
 * A circuit breaker around a Redis client: every command has a deadline, and after a few failures in a row, or when
 * the connection is lost, commands fail at once, until a probe is answered in time.
 */
export class RedisCommands {
  readonly client: RedisClient
  readonly #commandTimeout: number
  readonly #probeKey: string
  readonly #onStateChange: RedisCommandsOptions['onStateChange']
  #up = true
  /** What was told last. A connection that is lost and found at once is not worth telling. */
  #told = true
  #closed = false
  #failures = 0
  #underWay = 0
  readonly #waiting = new Set<() => void>()
  /** Told each time that Redis is back. */
  readonly #onBack: Array<() => void> = []
  #probeMs = PROBE_MS
  #backSince = -Infinity
  #lastError: Error | undefined
  #turn = 0
  #gathers = false
  #probe: NodeJS.Timeout | undefined
  #asking = false

  constructor ({ client, probeKey, commandTimeout = 50, onStateChange }: RedisCommandsOptions) {
    this.client = client
    this.#commandTimeout = checkPositiveInteger('commandTimeout', commandTimeout)
    this.#probeKey = probeKey
    this.#onStateChange = onStateChange
    // Each store over the client listens; that is no leak.
    client.setMaxListeners(client.getMaxListeners() + 1)
    client.on('error', this.#onError)
    client.on('close', this.#onClose)
    client.on('ready', this.#ask)
    if (LOST.has(client.status)) this.#lose(new Error('there is no connection'))
  }

  get available (): boolean {
    return this.#up
  }

  /** @param listener told each time that Redis is back, and asked again */
  onBack (listener: () => void): void {
    this.#onBack.push(listener)
  }

  /** Whether commands wait, to go out together at the end of this turn of the event loop. */
  get gathers (): boolean {
    return this.#gathers
  }

  /** Another number each time that what waited has gone out. */
  get turn (): number {
    return this.#turn
  }

  /**
   * Sends a command. Rejects with its failure, or with a `RedisAwayError` once its time is over or while Redis is away.
   *
   * @param name of the command, for who measures them
   * @param late told of an answer that came after the deadline
   * @param evenAway sends it also while Redis counts as away, for who has just heard from it
   */
  run<T> (name: string, command: () => Promise<T>, { late, evenAway = false }: RunOptions<T> = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const send = () => {
        if (!this.#up && !evenAway) return reject(this.#away())
        this.#underWay++
        this.#gather()
        const sent = startTimer(redisChannel)
        let over = false
        const end = (outcome: RedisEvent['outcome']): boolean => {
          if (over) return false
          over = true
          if (redisChannel.hasSubscribers) redisChannel.publish({ client: this.client, command: name, outcome, ms: elapsed(sent) } satisfies RedisEvent)
          stop()
          this.#underWay--
          this.#sendNext()
          return true
        }
        const stop = this.#afterDeadline(() => {
          const error = new RedisUnavailableError(`Redis did not answer within ${this.#commandTimeout} ms`, true)
          this.#failed(error)
          reject(error)
          end('timeout')
        })
        command().then((answer) => {
          if (!end('ok')) return late?.(answer)
          this.#failures = 0
          resolve(answer)
        }, (error: Error) => {
          if (!end('error')) return
          if (isAnswer(error)) this.#failures = 0
          else this.#failed(error)
          reject(error)
        })
      }
      if (this.#underWay < WINDOW) send()
      else this.#waiting.add(send)
    })
  }

  /** What is asked in one turn of the event loop goes out together: each write is a call of the system. */
  #gather (): void {
    const { stream } = this.client as { stream?: Writable } // a cluster has none of its own
    if (stream === undefined || stream.writableCorked > 0) return
    stream.cork()
    this.#gathers = true
    setImmediate(() => {
      this.#gathers = false
      this.#turn++
      stream.uncork()
    })
  }

  #sendNext (): void {
    for (const send of this.#waiting) {
      if (this.#up && this.#underWay >= WINDOW) return
      this.#waiting.delete(send)
      send()
    }
  }

  /** Calls back when the time of a command is over, not counting that in which our own event loop stood still. */
  #afterDeadline (callback: () => void): () => void {
    let timer: NodeJS.Timeout
    const start = (mayWait: boolean) => {
      const due = performance.now() + this.#commandTimeout
      timer = setTimeout(() => {
        if (mayWait && performance.now() - due > this.#commandTimeout / 2) return start(false)
        // An answer that lies in our socket is read before this.
        immediate = setImmediate(callback)
      }, this.#commandTimeout)
    }
    let immediate: NodeJS.Immediate | undefined
    start(true)
    return () => {
      clearTimeout(timer)
      if (immediate !== undefined) clearImmediate(immediate)
    }
  }

  close (): void {
    this.#closed = true
    clearTimeout(this.#probe)
    this.client.off('error', this.#onError)
    this.client.off('close', this.#onClose)
    this.client.off('ready', this.#ask)
    this.client.setMaxListeners(this.client.getMaxListeners() - 1)
  }

  #away (): RedisUnavailableError {
    return new RedisUnavailableError(`Redis is away: ${this.#lastError!.message}`, false)
  }

  readonly #onError = (error: Error): void => {
    this.#lastError = error
    if (!this.#up) this.#tell(false)
  }

  readonly #onClose = (): void => {
    this.#lose(this.#lastError ?? new Error('the connection was closed'))
  }

  #failed (error: Error): void {
    // What was under way when the connection was lost says nothing more.
    if (!this.#up || ++this.#failures < FAILURES) return
    this.#lose(error)
    this.#tell(false)
  }

  #lose (error: Error): void {
    this.#lastError = error
    if (!this.#up || this.#closed) return
    this.#up = false
    const soon = performance.now() - this.#backSince < STAY_MS
    this.#probeMs = soon ? Math.min(2 * this.#probeMs, LONGEST_PROBE_MS) : PROBE_MS
    this.#askLater()
    this.#sendNext()
  }

  #tell (up: boolean): void {
    if (this.#told === up || this.#closed) return
    this.#told = up
    if (up) this.#onStateChange?.(up)
    else this.#onStateChange?.(up, this.#lastError)
  }

  #askLater (): void {
    clearTimeout(this.#probe)
    if (!this.#closed) this.#probe = setTimeout(this.#ask, this.#probeMs).unref()
  }

  /** One question at a time: one that is not answered waits, with its connection, for Redis or for the end of both. */
  readonly #ask = (): void => {
    clearTimeout(this.#probe)
    if (this.#up || this.#closed || this.#asking) return
    if (this.client.status !== 'ready') return this.#stillAway()
    this.#asking = true
    const asked = performance.now()
    this.client.get(this.#probeKey).then(() => performance.now() - asked <= this.#commandTimeout, isAnswer).then((answered) => {
      this.#asking = false
      if (!answered) return this.#stillAway()
      this.#up = true
      this.#backSince = performance.now()
      this.#failures = 0
      this.#lastError = undefined
      this.#tell(true)
      for (const listener of this.#onBack) listener()
    })
  }

  #stillAway (): void {
    this.#tell(false)
    this.#askLater()
  }
}

/** Whether this failure is an answer of a Redis that serves. */
function isAnswer (error: Error): boolean {
  return error.name === 'ReplyError' && !SERVES_NOBODY.test(error.message)
}
