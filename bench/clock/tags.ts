import { type Cache, createCache, memoryStore, redisStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import { newFile } from '../support/files.ts'
import { startRedis } from '../support/redis.ts'
import { type Line, compareRatio } from '../support/table.ts'
import { assert, perAsyncCall, takeTurns } from '../support/turns.ts'

const ENTRIES = 100_000
const AT_ONCE = 10_000
/** Each entry has so many tags, so that every round invalidates another one. */
const ROUNDS = 15
/** A long deadline, because filling Redis at full speed takes longer than the default of 50 ms. */
const COMMAND_SECONDS = 5
/** The ratio that it may reach: no difference, as far as we can measure. */
const TARGET = 1.25

/** Measures `invalidateTags` for a tag of one entry, and for a tag of 100,000 entries. */
export async function tagInvalidations (): Promise<Line[]> {
  const { versions, close } = openDatabase(`file:${await newFile('tags', 100)}`)
  const large = () => memoryStore({ maxBytes: 1024 ** 3 })
  const lines = [
    await measureTags('entries in memory, clock in SQLite', createCache({ store: large(), versions })),
    await measureTags('entries and clock in memory', createCache({ store: large() }))
  ]
  await close()

  const redis = await startRedis()
  const what = 'entries and clock in Redis'
  if (redis === undefined) return [...lines, { what, figure: 'redis-server is not installed' }]
  const store = redisStore({ client: redis.client, prefix: 'bench', commandTimeout: COMMAND_SECONDS })
  const shared = createCache({ store })
  lines.push(await measureTags(what, shared))
  await redis.end()
  return lines
}

async function measureTags (what: string, cache: Cache): Promise<Line> {
  const tags = (name: string) => Array.from({ length: ROUNDS + 1 }, (_, round) => `${name}-${round}`)
  await cache.set('one', 1, { tags: tags('one') })
  for (let from = 0; from < ENTRIES; from += AT_ONCE) {
    const entries = Array.from({ length: AT_ONCE }, (_, i) => [`many-${from + i}`, 1] as const)
    await cache.setMany(entries, { tags: tags('many') })
  }
  const last = `many-${ENTRIES - 1}`
  assert(await cache.get('one') === 1 && await cache.get(last) === 1, 'stored entries')

  const left = { one: tags('one'), many: tags('many') }
  const invalidateNext = (name: 'one' | 'many') => () => {
    return perAsyncCall(1, () => cache.invalidateTags([left[name].pop()!]))
  }
  const figures = await takeTurns(ROUNDS, { one: invalidateNext('one'), many: invalidateNext('many') })
  assert(await cache.get('one') === undefined && await cache.get(last) === undefined, 'invalid entries')
  await cache.clear()
  return compareRatio(`${what}: 100,000 entries, 1 entry`, figures.many, figures.one, TARGET)
}
