import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import type pg from 'pg'
import { createCache, type Store } from '../../../../src/cache/index.ts'
import type { PostgresClock } from '../../../../src/larder/postgres.ts'
import type { Random } from '../../../coherence/storm/random.ts'
import { CELLS, type Committed, GROUPS } from './cells.ts'

export interface ReaderOptions {
  readonly pool: pg.Pool
  readonly clock: PostgresClock
  /** One for all readers. */
  readonly store: Store
  readonly committed: Committed
  readonly random: Random
  readonly isOver: () => boolean
  readonly answers: Answers
}

/** What the readers have got. */
export interface Answers {
  hits: number
  loads: number
  failed: number
  stale: string[]
}

/** Reads through the cache until the storm is over, and compares each answer with what had been committed before. */
export async function read (options: ReaderOptions): Promise<void> {
  const { pool, clock, store, committed, random, isOver, answers } = options
  const db = drizzle({ client: pool, logger: clock.logger })
  const cache = createCache({ store, versions: clock.versions })
  const questions = [
    ...Array.from({ length: CELLS }, (_, id) => (
      { key: `cell ${id}`, where: sql`id = ${id}`, has: (i: number) => i === id })),
    ...Array.from({ length: GROUPS }, (_, grp) => (
      { key: `group ${grp}`, where: sql`grp = ${grp}`, has: (i: number) => i % GROUPS === grp })),
    { key: 'all', where: sql`true`, has: () => true }
  ]
  while (!isOver()) {
    const { key, where, has } = random.pick(questions)
    const least = committed.sum(has)
    let isHit = true
    try {
      const got = await cache.getOrSet(key, async () => {
        isHit = false
        const { rows } = await db.execute<{ n: number }>(sql`SELECT sum(n)::int AS n FROM cells WHERE ${where}`)
        return rows[0]!.n
      })
      if (isHit) answers.hits++
      else answers.loads++
      if (got < least) answers.stale.push(`${key}: ${got} in place of ${least}${isHit ? '' : ', loaded'}`)
    } catch {
      answers.failed++ // the database is down
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    if (random.chance(0.05)) await new Promise((resolve) => setTimeout(resolve, random.next() * 20))
  }
}
