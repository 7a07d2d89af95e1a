import { RedisCommands } from './commands.ts'
import type { RedisClient } from './client.ts'
import { FIRST_CHANGED, INVALIDATE, redisScript, STAMP } from './scripts.ts'
import type { Versions } from '../../versions/versions.ts'

/** How long a tag is remembered after it moved; forgetting one is safe, and costs a reload. */
const TAG_LIFE_SECONDS = 30 * 24 * 3600

/** Keys with the same word in braces are kept in one place by a cluster, which runs no script over several places. */
export function versionKeyPrefix (prefix: string): string {
  return `${prefix}#{${prefix}}`
}

/**
 * A version clock in Redis, shared by all who use the prefix, for caches without a database. It is as durable as
 * that Redis: one that comes back with old data comes back with an old clock.
 */
export function redisVersions (
  client: RedisClient, prefix: string, link: RedisCommands = new RedisCommands({ client, probeKey: `${versionKeyPrefix(prefix)}clock` })
): Versions {
  const root = versionKeyPrefix(prefix)
  const clock = `${root}clock`
  const keysOf = (tags: readonly string[]) => [clock, ...tags.map((tag) => `${root}tag:${tag}`)]
  const stamp = redisScript(link, STAMP)
  const firstChanged = redisScript(link, FIRST_CHANGED)
  const invalidate = redisScript(link, INVALIDATE)

  return {
    stamp: async (tags = []) => String(await stamp(keysOf(tags), [TAG_LIFE_SECONDS])),
    firstChanged: async (stamp, tags) => tags[await firstChanged(keysOf(tags), [stamp, TAG_LIFE_SECONDS]) as number - 1],
    versionOf: async (tag) => await link.run('GET', () => client.get(`${root}tag:${tag}`)) ?? 'forgotten',
    async invalidate (tags) { await invalidate(keysOf(tags), [TAG_LIFE_SECONDS]) }
  }
}
