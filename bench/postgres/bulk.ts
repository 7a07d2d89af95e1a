import type pg from 'pg'
import { postgresClock } from '../../src/larder/postgres.ts'
import type { OwnPostgres } from '../support/postgres.ts'
import { getRounds } from '../support/rounds.ts'
import { type Line, ms } from '../support/table.ts'
import { type Contender, getMedianRatio, measureRounds, median } from '../support/turns.ts'

const ROUNDS = 9
/** The ratio that a statement may reach. */
const TARGET = 1.3

/** Each runs in a transaction that is rolled back, so that every round finds the same table. */
const STATEMENTS: Record<string, (rows: number) => string> = {
  update: (rows) => `UPDATE notes SET n = n + 1 WHERE id <= ${rows}`,
  insert: (rows) => `INSERT INTO notes SELECT i, 0 FROM generate_series(200001, ${200_000 + rows}) i`,
  delete: (rows) => `DELETE FROM notes WHERE id <= ${rows}`
}

/** Measures one statement that changes many rows. */
export async function bulk (postgres: OwnPostgres): Promise<Line[]> {
  const lines: Line[] = []
  const createNotes = () => postgres.createNotes(100_000, { max: 1 })
  const [watched, plain] = [await createNotes(), await createNotes()]
  const clock = await postgresClock(watched)
  try {
    for (const rows of [1_000, 100_000]) {
      for (const [name, write] of Object.entries(STATEMENTS)) {
        const run = (pool: pg.Pool): Contender => () => timeStatements(pool, write(rows), rows === 1_000 ? 10 : 1)
        const figures = await measureRounds(getRounds(ROUNDS), { watched: run(watched), plain: run(plain) })
        const ratio = getMedianRatio(figures.watched, figures.plain)
        lines.push({
          what: `${name}, ${rows.toLocaleString('en')} rows`,
          figure: ms(median(figures.watched)),
          other: ms(median(figures.plain)),
          compared: `${ratio.toFixed(2)} x`,
          target: `< ${TARGET} x`,
          met: ratio < TARGET
        })
      }
    }
  } finally {
    await clock.close()
  }
  return lines
}

async function timeStatements (pool: pg.Pool, sql: string, times: number): Promise<number> {
  let total = 0
  for (let i = 0; i < times; i++) {
    await pool.query('BEGIN')
    const began = performance.now()
    await pool.query(sql)
    total += performance.now() - began
    await pool.query('ROLLBACK')
  }
  await pool.query('VACUUM notes')
  return total / times
}
