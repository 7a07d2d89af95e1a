import { type Cache, createCache, memoryStore, redisStore } from '../../src/cache/index.ts'
import { openDatabase } from '../../src/db/index.ts'
import { newFile } from '../support/files.ts'
import { startRedis } from '../support/redis.ts'
import { type Line, ratioOf } from '../support/table.ts'
import { assert, perAsyncCall, takeTurns } from '../support/turns.ts'

const ENTRIES = 100_000
const AT_ONCE = 10_000
/** Each carries as many tags, so that there is one to invalidate in every round. */
const ROUNDS = 15
/** For filling Redis as fast as it can: what it drops after its usual 50 ms would be missing. */
const PATIENCE_MS = 5_000
/** How much longer it may take: the same, as far as can be told. */
const TARGET = 1.25

/** How long `invalidateTags` takes for a tag of one entry, and for one of 100,000. */
export async function tagMoves (): Promise<Line[]> {
  const database = openDatabase(`file:${newFile('tags', 100)}`)
  const large = () => memoryStore({ maxBytes: 1024 ** 3 })
  const lines = [
    await moves('entries in memory, clock in SQLite', createCache({ store: large(), versions: database.versions })),
    await moves('entries and clock in memory', createCache({ store: large() }))
  ]
  database.close()

  const redis = await startRedis()
  if (redis === undefined) return [...lines, { what: 'entries and clock in Redis', figure: 'no redis-server here' }]
  const shared = createCache({ store: redisStore({ client: redis.client, prefix: 'bench', commandTimeout: PATIENCE_MS }) })
  lines.push(await moves('entries and clock in Redis', shared))
  await redis.end()
  return lines
}

async function moves (what: string, cache: Cache): Promise<Line> {
  const tags = (name: string) => Array.from({ length: ROUNDS + 1 }, (_, round) => `${name}-${round}`)
  await cache.set('one', 1, { tags: tags('one') })
  for (let from = 0; from < ENTRIES; from += AT_ONCE) {
    await cache.setMany(Array.from({ length: AT_ONCE }, (_, i) => [`many-${from + i}`, 1] as const), { tags: tags('many') })
  }
  const last = `many-${ENTRIES - 1}`
  assert(await cache.get('one') === 1 && await cache.get(last) === 1, 'entries that are there')

  const left = { one: tags('one'), many: tags('many') }
  const moveNext = (name: 'one' | 'many') => () => perAsyncCall(1, () => cache.invalidateTags([left[name].pop()!]))
  const figures = await takeTurns(ROUNDS, { one: moveNext('one'), many: moveNext('many') })
  assert(await cache.get('one') === undefined && await cache.get(last) === undefined, 'entries that are gone')
  await cache.clear()
  return ratioOf(`${what}: 100,000 entries, 1 entry`, figures.many, figures.one, TARGET)
}
