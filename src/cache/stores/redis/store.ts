import type { Cluster, Redis } from 'ioredis'
import type { Entry } from '../../entry/entry.ts'
import { IntegerError, OptionError } from '../../errors.ts'
import { currentTime } from '../../util/clock.ts'
import { matchPrefixes } from '../../util/prefixes.ts'
import type { Duration } from '../../util/duration.ts'
import { checkDuration, checkFunction, checkNames, checkObject, checkPositiveInteger } from '../../util/validate.ts'
import type { Store } from '../store.ts'
import { redisBackplane } from './backplane.ts'
import type { RedisClient } from './client.ts'
import { isWriteRefusal, RedisCommands } from './commands.ts'
import type { IoredisClient } from './ioredis.ts'
import { RedisLeases } from './leases.ts'
import { redisLocks } from './locks.ts'
import { ADD, DELETE, DELETE_TAGGED, INCREMENT, redisScript, TOUCH } from './scripts.ts'
import { DecodedEntries, serializeEntry, serializeTimes } from './serialization.ts'
import { redisVersions, versionKeyPrefix } from './versions.ts'

export interface RedisStoreOptions {
  /** An ioredis client or cluster. The caller owns it: closing the store leaves it open. */
  client: RedisClient
  /** First part of all keys: entries are at `<prefix>:<key>`, the version clock at `<prefix>#…`. Default `larder`. */
  prefix?: string
  /**
   * How long Redis may take to reply to a command; default `'50ms'`. After three failures in a row, or when the
   * connection is lost, the circuit opens: commands fail at once until Redis replies again.
   */
  commandTimeout?: Duration
  /** Bytes of the largest entry, metadata included; a larger one is not stored. Default 8 MiB. */
  maxEntryBytes?: number
  /** Called once when Redis becomes unavailable, with the reason, and once when it has recovered. */
  onStateChange?: (up: boolean, reason?: Error) => void
  /** Returns the time in milliseconds since 1970. Default the system clock, which never runs backwards here. */
  now?: () => number
}

const OPTIONS = new Set<keyof RedisStoreOptions>([
  'client', 'prefix', 'commandTimeout', 'maxEntryBytes', 'onStateChange', 'now'
])

const DEFAULT_MAX_ENTRY_BYTES = 8 * 1024 * 1024

/** Redis refuses longer expiry times. The entry itself holds the exact one. */
const MAX_EXPIRY_MS = Number.MAX_SAFE_INTEGER

/** Keys that one step of `clear` scans and deletes, about, and bytes of tags it sends: many tags mean smaller steps. */
const SCAN_COUNT = 500
const SCAN_BYTES = 1024 * 1024

/** Entries that one step of `scan` reads. */
const READ_COUNT = 50

/**
 * Creates a store in Redis, with a client of ioredis. Every entry is one string, which Redis expires by itself. If
 * Redis is slow or unavailable, commands fail after `commandTimeout`, then at once, and the cache continues without.
 */
export function redisStore (options: RedisStoreOptions): Store {
  checkNames('redisStore()', options, OPTIONS)
  const client = options.client as IoredisClient
  const prefix = options.prefix ?? 'larder'
  const now = options.now ?? currentTime
  checkFunction('now', now)
  checkObject('client', client, 'getBuffer', 'an ioredis client')
  if (client.options.keyPrefix) {
    throw new OptionError('The client must not have a keyPrefix of its own. Use the option prefix of redisStore().')
  }
  if (typeof prefix !== 'string' || !/^[^#\s]+$/.test(prefix)) {
    throw new OptionError('The value of prefix must be a non-empty string without "#" or white space, ' +
      `but is ${JSON.stringify(prefix)}.`)
  }
  const maxEntryBytes = checkPositiveInteger('maxEntryBytes', options.maxEntryBytes ?? DEFAULT_MAX_ENTRY_BYTES)

  const commands = new RedisCommands({
    client,
    probeKey: `${versionKeyPrefix(prefix)}clock`,
    ...options.commandTimeout !== undefined && {
      commandTimeout: checkDuration('commandTimeout', options.commandTimeout) * 1000
    },
    ...options.onStateChange && { onStateChange: options.onStateChange }
  })
  const runAdd = redisScript(commands, ADD)
  const runTouch = redisScript(commands, TOUCH)
  const runIncrement = redisScript(commands, INCREMENT)
  const runDelete = redisScript(commands, DELETE)
  const runDeleteTagged = redisScript(commands, DELETE_TAGGED)
  const decoded = new DecodedEntries()
  const backplane = redisBackplane(client, prefix, now)
  const leases = new RedisLeases({ commands, prefix, redisKey, expiryArgument, fits, decoded })

  function redisKey (key: string): string {
    return `${prefix}:${key}`
  }

  /** The milliseconds left until then, as `PX` takes them; empty if the entry never expires. */
  function expiryArgument (until: number): number | '' {
    return until === Infinity ? '' : Math.min(Math.max(1, Math.ceil(until - now())), MAX_EXPIRY_MS)
  }

  function fits (bytes: Buffer): boolean {
    return bytes.length <= maxEntryBytes
  }

  async function get (key: string): Promise<Entry | undefined> {
    const name = redisKey(key)
    try {
      const bytes = await commands.run('GET', () => client.getBuffer(name))
      return bytes === null ? undefined : decoded.read(name, bytes)
    } catch (error) {
      if ((error as Error).message.startsWith('WRONGTYPE')) return undefined
      throw error
    }
  }

  async function set (key: string, entry: Entry): Promise<boolean> {
    const name = redisKey(key)
    const bytes = serializeEntry(entry)
    if (!fits(bytes)) {
      await runDelete([name], [])
      return false
    }
    const expiry = expiryArgument(entry.staleUntil)
    await commands.run('SET', () => expiry === '' ? client.set(name, bytes) : client.set(name, bytes, 'PX', expiry))
    return true
  }

  /**
   * Deletes entries and returns how many there were.
   *
   * @param names Redis keys
   * @param tags deletes only entries that carry one of them
   */
  async function deleteEntries (names: string[], tags?: string[]): Promise<number> {
    // One command per key, since a cluster refuses commands with several. They share a round trip.
    const counts = await Promise.all(names.map((name) =>
      tags === undefined ? runDelete([name], []) : runDeleteTagged([name], tags)))
    return counts.reduce<number>((sum, count) => sum + Number(count), 0)
  }

  /** Lists Redis keys by their prefix, on every node that has some of them. */
  async function * scanNames (prefix: string, scanCount = SCAN_COUNT): AsyncGenerator<string[]> {
    const pattern = `${redisKey(prefix).replace(/[\\*?[\]^]/g, '\\$&')}*`
    const nodes = client.isCluster ? (client as Cluster).nodes('master') : [client as Redis]
    for (const node of nodes) {
      let cursor = '0'
      do {
        const step = () => node.scan(cursor, 'MATCH', pattern, 'COUNT', scanCount)
        const [nextCursor, names] = await commands.run('SCAN', step)
        yield names
        cursor = nextCursor
      } while (cursor !== '0')
    }
  }

  return {
    name: 'redis',
    connection: client,
    get available () { return commands.available },
    get outages () { return commands.outages },
    refusesWrites: isWriteRefusal,
    versions: redisVersions(client, prefix, commands),
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    set,
    acquire: (key, seen) => leases.acquire(key, seen),
    async add (key, entry, replace) {
      const bytes = serializeEntry(entry)
      if (!fits(bytes)) return false
      return await runAdd([redisKey(key)], [bytes, expiryArgument(entry.staleUntil), serializeOptional(replace)]) === 1
    },
    async touch (key, freshUntil, staleUntil) {
      const args = [serializeTimes(freshUntil, staleUntil), expiryArgument(staleUntil)]
      return await runTouch([redisKey(key)], args) === 1
    },
    async increment (key, by, initial, replace) {
      const expiry = expiryArgument(initial.staleUntil)
      const args = [by, now(), serializeEntry(initial), expiry, serializeOptional(replace)]
      const sum = await runIncrement([redisKey(key)], args)
      if (sum === null) throw new IntegerError(JSON.stringify(key))
      return Number(sum)
    },
    delete: (keys) => deleteEntries(keys.map(redisKey)),
    async clear (filter = {}) {
      const tags = filter.tags && [...filter.tags]
      const isWanted = filter.prefixes && matchPrefixes(filter.prefixes.map(redisKey))
      const fitting = Math.floor(SCAN_BYTES / Buffer.byteLength(tags?.join() ?? ''))
      const scanCount = Math.max(1, Math.min(SCAN_COUNT, fitting))
      let count = 0
      for await (const names of scanNames(filter.prefix ?? '', scanCount)) {
        count += await deleteEntries(isWanted ? names.filter(isWanted) : names, tags)
      }
      return count
    },
    async * scan (begin) {
      for await (const names of scanNames(begin)) {
        for (let i = 0; i < names.length; i += READ_COUNT) {
          const keys = names.slice(i, i + READ_COUNT).map((name) => name.slice(redisKey('').length))
          const entries = await Promise.all(keys.map(get))
          yield keys.flatMap((key, i) => entries[i] === undefined ? [] : [[key, entries[i]] as const])
        }
      }
    },
    locks: redisLocks(commands, prefix),
    ...backplane && { backplane },
    close () {
      backplane?.close()
      leases.close()
      commands.close()
    }
  }
}

function serializeOptional (entry: Entry | undefined): Buffer | '' {
  return entry === undefined ? '' : serializeEntry(entry)
}
