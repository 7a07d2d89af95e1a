import type { Cluster, Redis } from 'ioredis'

/** A `RedisClient` with all that it has. */
export type IoredisClient = Redis | Cluster
