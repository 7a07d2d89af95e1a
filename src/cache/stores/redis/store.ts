import type { Cluster, Redis } from 'ioredis'
import type { Entry } from '../../entry/entry.ts'
import { checkFunction, checkObject, checkPositiveInteger } from '../../util/validate.ts'
import { DecodedEntries, serializeEntry, serializeTimes } from './serialization.ts'
import { redisBackplane } from './backplane.ts'
import { RedisLeases } from './leases.ts'
import { RedisCommands } from './commands.ts'
import type { RedisClient } from './client.ts'
import { ADD, DELETE, DELETE_TAGGED, INCREMENT, redisScript, TOUCH } from './scripts.ts'
import { redisVersions, versionKeyPrefix } from './versions.ts'
import { SharedReads } from './read-batch.ts'
import { notAnInteger, type Store } from '../store.ts'

export interface RedisStoreOptions {
  /** An ioredis client, owned by the caller: closing the store leaves it open. */
  client: RedisClient
  /** First part of every key: entries are at `<prefix>:<key>`, the version clock at `<prefix>#…`. Default `larder`. */
  prefix?: string
  /**
   * Milliseconds that Redis has to answer one command; default 50. After three failures in a row, or once the connection is
   * lost, commands fail at once until Redis answers again.
   */
  commandTimeout?: number
  /** A larger entry, with what is kept beside its value, is not kept. Default 8 MiB. */
  maxEntryBytes?: number
  /** Told once each time that Redis goes, and why, and once each time that it is back. */
  onStateChange?: (up: boolean, reason?: Error) => void
  /** Milliseconds since 1970. Default `Date.now`. */
  now?: () => number
}

const DEFAULT_MAX_ENTRY_BYTES = 8 * 1024 * 1024

/** Longest life that is told to Redis, which refuses some that are longer; the entry itself knows better. */
const LONGEST_LIFE_MS = Number.MAX_SAFE_INTEGER

/** Keys asked for and deleted at a time by `clear`, about, and bytes of tags sent with them: fewer keys where there are many tags. */
const SCAN_COUNT = 500
const SCAN_BYTES = 1024 * 1024

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

  const maxEntryBytes = checkPositiveInteger('maxEntryBytes', options.maxEntryBytes ?? DEFAULT_MAX_ENTRY_BYTES)

  const link = new RedisCommands({
    client,
    probeKey: `${versionKeyPrefix(prefix)}clock`,
    ...options.commandTimeout !== undefined && { commandTimeout: options.commandTimeout },
    ...options.onStateChange && { onStateChange: options.onStateChange }
  })
  const add = redisScript(link, ADD)
  const touch = redisScript(link, TOUCH)
  const increment = redisScript(link, INCREMENT)
  const remove = redisScript(link, DELETE)
  const removeTagged = redisScript(link, DELETE_TAGGED)
  const nameOf = (key: string) => `${prefix}:${key}`
  const frameOf = (entry: Entry | undefined) => entry === undefined ? '' : serializeEntry(entry)
  /** Milliseconds left, as PX takes them; empty when it never expires. */
  const lifeOf = (until: number) => until === Infinity ? '' : Math.min(Math.max(1, Math.ceil(until - now())), LONGEST_LIFE_MS)
  const fits = (frame: Buffer) => frame.length <= maxEntryBytes
  const changes = redisBackplane(client, prefix, now)
  const recent = new DecodedEntries()
  const reads = new SharedReads(link)
  const leases = new RedisLeases({ link, prefix, nameOf, lifeOf, fits, recent })

  async function get (key: string): Promise<Entry | undefined> {
    try {
      const frame = await link.run('GET', () => client.getBuffer(nameOf(key)))
      return frame === null ? undefined : recent.read(nameOf(key), frame)
    } catch (error) {
      if ((error as Error).message.startsWith('WRONGTYPE')) return undefined
      throw error
    }
  }

  async function set (key: string, entry: Entry): Promise<boolean> {
    reads.end()
    const frame = serializeEntry(entry)
    if (!fits(frame)) {
      await remove([nameOf(key)], [])
      return false
    }
    const life = lifeOf(entry.staleUntil)
    await link.run('SET', () => life === '' ? client.set(nameOf(key), frame) : client.set(nameOf(key), frame, 'PX', life))
    return true
  }

  /** @param tags of those to remove, default all */
  async function removeAll (names: string[], tags?: string[]): Promise<number> {
    reads.end()
    // One command a key: a command of several would not be accepted by a cluster. They share a round trip.
    const counts = await Promise.all(names.map((name) => tags === undefined ? remove([name], []) : removeTagged([name], tags)))
    return counts.reduce<number>((sum, count) => sum + Number(count), 0)
  }

  return {
    name: 'redis',
    get available () { return link.available },
    versions: redisVersions(client, prefix, link),
    get: (key) => reads.read(key, () => get(key)),
    getMany: (keys) => Promise.all(keys.map(get)),
    set,
    acquire: (key, seen) => leases.acquire(key, seen),
    async add (key, entry, replace) {
      reads.end()
      if (!fits(serializeEntry(entry))) return false
      return await add([nameOf(key)], [serializeEntry(entry), lifeOf(entry.staleUntil), frameOf(replace)]) === 1
    },
    async touch (key, freshUntil, staleUntil) {
      reads.end()
      return await touch([nameOf(key)], [serializeTimes(freshUntil, staleUntil), lifeOf(staleUntil)]) === 1
    },
    async increment (key, by, initial, replace) {
      reads.end()
      const sum = await increment(
        [nameOf(key)], [by, now(), serializeEntry(initial), lifeOf(initial.staleUntil), frameOf(replace)]
      )
      if (sum === null) throw notAnInteger(key)
      return Number(sum)
    },
    delete: (keys) => removeAll(keys.map(nameOf)),
    async clear (which = {}) {
      const match = `${nameOf(which.prefix ?? '').replace(/[\\*?[\]^]/g, '\\$&')}*`
      const tags = which.tags && [...which.tags]
      const step = Math.max(1, Math.min(SCAN_COUNT, Math.floor(SCAN_BYTES / Buffer.byteLength(tags?.join() ?? ''))))
      const nodes = client.isCluster ? (client as Cluster).nodes('master') : [client as Redis]
      let count = 0
      for (const node of nodes) {
        let cursor = '0'
        do {
          const [next, names] = await link.run('SCAN', () => node.scan(cursor, 'MATCH', match, 'COUNT', step))
          count += await removeAll(names, tags)
          cursor = next
        } while (cursor !== '0')
      }
      return count
    },
    ...changes && { backplane: changes },
    close () {
      changes?.close()
      leases.close()
      link.close()
    }
  }
}
