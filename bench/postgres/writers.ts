import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { postgresClock } from '../../src/larder/postgres.ts'
import { folder } from '../support/files.ts'
import { hasPgbench, type OwnPostgres, runPgbench } from '../support/postgres.ts'
import { getRounds } from '../support/rounds.ts'
import type { Line } from '../support/table.ts'
import { getMedianRatio, measureRounds, median } from '../support/turns.ts'

const ROUNDS = 7
const ROWS = 100_000
/** The share of the rate without a clock. */
const TARGET = 0.8

/** Writes a script of pgbench that updates one row. */
export function writeScript (): string {
  const path = join(folder, 'update.sql')
  writeFileSync(path, `\\set id random(1, ${ROWS})\nUPDATE notes SET n = n + 1 WHERE id = :id;\n`)
  chmodSync(path, 0o644)
  return path
}

/** Measures transactions that update one row, by programs that know nothing of the clock. */
export async function writers (postgres: OwnPostgres): Promise<Line[]> {
  if (!hasPgbench) return [{ what: 'pgbench is not installed', figure: 'install postgresql-contrib' }]
  const [watched, plain] = [await postgres.createNotes(ROWS), await postgres.createNotes(ROWS)]
  const clock = await postgresClock(watched)
  const script = writeScript()
  const lines: Line[] = []
  try {
    for (const clients of [1, 4, 16]) {
      const run = (pool: typeof plain) => () => runPgbench(postgres, pool, script, ['-c', String(clients), '-T', '1'])
      const figures = await measureRounds(getRounds(ROUNDS), { watched: run(watched), plain: run(plain) })
      const share = getMedianRatio(figures.watched, figures.plain)
      const format = (all: number[]) => `${median(all).toFixed(0)} a second`
      lines.push({
        what: clients === 1 ? '1 client' : `${clients} clients`,
        figure: format(figures.watched),
        other: format(figures.plain),
        compared: `${share.toFixed(2)} x`,
        target: `> ${TARGET} x`,
        met: share > TARGET
      })
    }
  } finally {
    await clock.close()
  }
  return lines
}
