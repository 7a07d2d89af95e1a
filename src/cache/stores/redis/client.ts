import { channel } from 'node:diagnostics_channel'
import type { Cluster, Redis } from 'ioredis'

export type RedisClient = Redis | Cluster

/** What a Redis store publishes after each command, on the diagnostics channel `larder:redis`. */
export interface RedisEvent {
  client: RedisClient
  /** In upper case, e.g. `GET`. */
  command: string
  /** `error`: Redis refused the command or the connection broke; `timeout`: the command missed its deadline. */
  outcome: 'ok' | 'error' | 'timeout'
  /** Milliseconds since the command was sent. */
  ms: number
}

export const REDIS_CHANNEL = 'larder:redis'

export const redisChannel = channel(REDIS_CHANNEL)
