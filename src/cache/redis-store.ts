import type { Cluster, Redis } from 'ioredis'
import { type Entry, frameEntry, frameTimes, unframeEntry } from './entry.ts'
import { checkFunction, checkObject } from './options.ts'
import { type RedisClient, redisScript } from './redis-script.ts'
import { ADD, INCREMENT, TOUCH } from './redis-scripts.ts'
import { redisVersions } from './redis-versions.ts'
import { notAnInteger, type Store } from './store.ts'

export interface RedisStoreOptions {
  /** An ioredis client, owned by the caller: closing the store leaves it open. */
  client: RedisClient
  /** First part of every key: entries are at `<prefix>:<key>`, the version clock at `<prefix>#…`. Default `larder`. */
  prefix?: string
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

/** Longest life that is told to Redis, which refuses some that are longer; the entry itself knows better. */
const LONGEST_LIFE_MS = Number.MAX_SAFE_INTEGER

/** Keys asked for and deleted at a time by `clear`. */
const SCAN_COUNT = 500

/** A store in Redis. Every entry is one string that Redis drops by itself when its life is over. */
export function redisStore (options: RedisStoreOptions): Store {
  const { client } = options
  const prefix = options.prefix ?? 'larder'
  const now = options.now ?? Date.now
  checkFunction('now', now)
  checkObject('client', client, 'getBuffer', 'an ioredis client')
  if (client.options.keyPrefix) {
    throw new TypeError('client must not have a keyPrefix of its own, use the option prefix of redisStore')
  }
  if (typeof prefix !== 'string' || !/^[^#\s]+$/.test(prefix)) {
    throw new TypeError(`prefix must be a non-empty string without "#" or white space, got ${JSON.stringify(prefix)}`)
  }

  const add = redisScript(client, ADD)
  const touch = redisScript(client, TOUCH)
  const increment = redisScript(client, INCREMENT)
  const nameOf = (key: string) => `${prefix}:${key}`
  const frameOf = (entry: Entry | undefined) => entry === undefined ? '' : frameEntry(entry)
  /** Milliseconds left, as PX takes them; empty when it never expires. */
  const lifeOf = (until: number) => until === Infinity ? '' : Math.min(Math.max(1, Math.ceil(until - now())), LONGEST_LIFE_MS)

  async function get (key: string): Promise<Entry | undefined> {
    const frame = await client.getBuffer(nameOf(key))
    return frame === null ? undefined : unframeEntry(frame)
  }

  async function set (key: string, entry: Entry): Promise<boolean> {
    const life = lifeOf(entry.staleUntil)
    if (life === '') await client.set(nameOf(key), frameEntry(entry))
    else await client.set(nameOf(key), frameEntry(entry), 'PX', life)
    return true
  }

  async function remove (names: string[]): Promise<number> {
    // One command a key: a command of several would not be accepted by a cluster. They share a round trip.
    const counts = await Promise.all(names.map((name) => client.unlink(name)))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  return {
    name: 'redis',
    versions: redisVersions(client, prefix),
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    set,
    async add (key, entry, replace) {
      return await add([nameOf(key)], [frameEntry(entry), lifeOf(entry.staleUntil), frameOf(replace)]) === 1
    },
    async touch (key, freshUntil, staleUntil) {
      return await touch([nameOf(key)], [frameTimes(freshUntil, staleUntil), lifeOf(staleUntil)]) === 1
    },
    async increment (key, by, initial, replace) {
      const sum = await increment(
        [nameOf(key)], [by, now(), frameEntry(initial), lifeOf(initial.staleUntil), frameOf(replace)]
      )
      if (sum === null) throw notAnInteger(key)
      return Number(sum)
    },
    delete: (keys) => remove(keys.map(nameOf)),
    async clear () {
      const match = `${prefix.replace(/[\\*?[\]^]/g, '\\$&')}:*`
      const nodes = client.isCluster ? (client as Cluster).nodes('master') : [client as Redis]
      for (const node of nodes) {
        let cursor = '0'
        do {
          const [next, names] = await node.scan(cursor, 'MATCH', match, 'COUNT', SCAN_COUNT)
          await remove(names)
          cursor = next
        } while (cursor !== '0')
      }
    },
    close () {}
  }
}
