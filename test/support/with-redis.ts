import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { type PrivateRedis, startRedis } from './redis.ts'

export interface ConnectedRedis extends PrivateRedis {
  /** The first of the clients. */
  client: Redis
  clients: Redis[]
}

/**
 * Starts a Redis for one test, with clients that disconnect when the test ends.
 * @param t the test
 * @param count how many clients; by default one
 */
export async function withRedis (t: Test, count = 1): Promise<ConnectedRedis> {
  const redis = await startRedis(t)
  const clients = Array.from({ length: count }, () => new Redis(redis.url))
  t.teardown(() => { for (const client of clients) client.disconnect() })
  return { ...redis, client: clients[0]!, clients }
}
