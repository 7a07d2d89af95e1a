import { postgresClock } from '../../src/larder/postgres.ts'
import type { OwnPostgres } from '../support/postgres.ts'
import { type Line, compareAdded, us } from '../support/table.ts'
import { takeTurns, typicalAsyncCall } from '../support/turns.ts'

const ROUNDS = 5
const CALLS = 1_000
const AT_ONCE = 32

/** Measures the check by itself: alone, many at once, and many of one turn. The other: `SELECT 1` by `pg`. */
export async function checks (postgres: OwnPostgres): Promise<Line[]> {
  const pool = await postgres.createNotes(1_000)
  const clock = await postgresClock(pool)
  const client = await pool.connect()
  const { versions } = clock
  const tags = ['notes:1']
  const stamp = await versions.stamp()
  const check = async () => await versions.firstChanged(stamp, tags)
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const figures = await takeTurns(ROUNDS, {
    lone: () => typicalAsyncCall(CALLS, check),
    pipelined: async () => await typicalAsyncCall(CALLS, async () => {
      const all: Array<Promise<unknown>> = []
      for (let i = 0; i < AT_ONCE; i++) {
        all.push(check())
        await turn()
      }
      await Promise.all(all)
    }) / AT_ONCE,
    shared: async () => await typicalAsyncCall(CALLS, async () => {
      await Promise.all(Array.from({ length: AT_ONCE }, check))
    }) / AT_ONCE,
    select: () => typicalAsyncCall(CALLS, () => client.query({ name: 'one', text: 'SELECT 1' }))
  })
  client.release()
  await clock.close()
  return [
    compareAdded('alone; other: SELECT 1 by pg', figures.lone, figures.select),
    { what: `${AT_ONCE} pipelined, each`, figure: us(figures.pipelined) },
    { what: `${AT_ONCE} of one turn of the event loop, each`, figure: us(figures.shared) }
  ]
}
