import { channel } from 'node:diagnostics_channel'

/**
 * A client or cluster of ioredis. The type names only what tells it apart from other clients, so that applications
 * without Redis need not install ioredis for its types.
 */
export interface RedisClient {
  readonly status: string
  readonly isCluster: boolean
  readonly options: object
  getBuffer (key: string): Promise<Buffer | null>
  duplicate (): unknown
  on (event: 'ready', listener: () => void): unknown
}

/** What a Redis store publishes after each command, on the diagnostics channel `larder:redis`. */
export interface RedisEvent {
  client: RedisClient
  /** In upper case, e.g. `GET`. */
  command: string
  /**
   * `error`: Redis refused the command or the connection broke; `timeout`: the command missed its deadline. An EVALSHA
   * of a script that Redis does not have yet is `ok`.
   */
  outcome: 'ok' | 'error' | 'timeout'
  /** Milliseconds since the command was sent. */
  ms: number
}

export const REDIS_CHANNEL = 'larder:redis'

export const redisChannel = channel(REDIS_CHANNEL)
