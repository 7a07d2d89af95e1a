import type { Versions } from '../../versions/versions.ts'
import type { IoredisClient } from './ioredis.ts'
import { RedisCommands } from './commands.ts'
import { redisScript } from './scripts.ts'
import { EXPIRE, FIRST_CHANGED, FIRST_INVALIDATED, INVALIDATE, STAMP } from './clock-scripts.ts'

/** Seconds for which a tag is remembered after its last change. Forgetting it is safe, but costs a reload. */
const TAG_TTL_SECONDS = 30 * 24 * 3600

/** First part of the keys of the version clock. Its hash tag keeps them in one hash slot, as scripts need. */
export function versionKeyPrefix (prefix: string): string {
  return `${prefix}#{${prefix}}`
}

/**
 * A version clock in Redis, shared by all processes that use the prefix, for caches without a database. It is as
 * durable as that Redis: after a restart with old data, the clock is old too.
 */
export function redisVersions (client: IoredisClient, prefix: string, commands?: RedisCommands): Versions {
  const root = versionKeyPrefix(prefix)
  const clock = `${root}clock`
  commands ??= new RedisCommands({ client, probeKey: clock })
  const runStamp = redisScript(commands, STAMP)
  const runFirstChanged = redisScript(commands, FIRST_CHANGED)
  const runInvalidate = redisScript(commands, INVALIDATE)
  const runExpire = redisScript(commands, EXPIRE)
  const runFirstInvalidated = redisScript(commands, FIRST_INVALIDATED)

  function versionKeys (tags: readonly string[]): string[] {
    return [clock, ...tags.map((tag) => `${root}tag:${tag}`)]
  }

  /** The keys of tags, then those that have the last invalidation of a tag if it has expired since. */
  function changeKeys (tags: readonly string[]): string[] {
    return [...versionKeys(tags), ...tags.map((tag) => `${root}hard:${tag}`)]
  }

  return {
    stamp: async (tags = []) => String(await runStamp(versionKeys(tags), [TAG_TTL_SECONDS])),
    async firstChanged (stamp, tags) {
      const position = await runFirstChanged(versionKeys(tags), [stamp, TAG_TTL_SECONDS])
      return tags[position as number - 1]
    },
    versionOf: async (tag) => await commands.run('GET', () => client.get(`${root}tag:${tag}`)) ?? 'expired',
    async invalidate (tags) { await runInvalidate(changeKeys(tags), [TAG_TTL_SECONDS]) },
    async expire (tags) { await runExpire(changeKeys(tags), [TAG_TTL_SECONDS]) },
    async firstInvalidated (stamp, tags) {
      const position = await runFirstInvalidated(changeKeys(tags), [stamp])
      return tags[position as number - 1]
    }
  }
}
