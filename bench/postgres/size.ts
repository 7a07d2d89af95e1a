import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { postgresClock } from '../../src/larder/postgres.ts'
import { hasPgbench, type OwnPostgres } from '../support/postgres.ts'
import { type Line, mib } from '../support/table.ts'
import { writeScript } from './writers.ts'

const COMMITS = Number(process.env['BENCH_COMMITS'] ?? 1_000_000)
const CLIENTS = 4
/** Bytes that the changes may take at any time. */
const TARGET = 30 * 2 ** 20

const SIZE = `SELECT pg_total_relation_size('larder.changes')::int AS changes,
  pg_total_relation_size('larder.folded')::int AS folded`

/** Measures the size of the list of changes during commits of one row each, while a process folds it as usual. */
export async function size (postgres: OwnPostgres): Promise<Line[]> {
  if (!hasPgbench) return []
  const pool = await postgres.createNotes(100_000)
  const clock = await postgresClock(pool)
  const { database } = pool.options
  const child = spawn('pgbench', [
    '-h', postgres.host, '-p', String(postgres.port), '-U', 'postgres', '-n', '-M', 'prepared', '-f', writeScript(),
    '-c', String(CLIENTS), '-t', String(COMMITS / CLIENTS), database!
  ], { stdio: 'ignore', env: { ...process.env, PGOPTIONS: '-c synchronous_commit=off' } })
  const began = performance.now()
  const exited = once(child, 'exit')
  let peak = { changes: 0, folded: 0 }
  while (child.exitCode === null) {
    const { rows: [now] } = await pool.query<typeof peak>(SIZE)
    if (now!.changes + now!.folded > peak.changes + peak.folded) peak = now!
    await Promise.race([exited, sleep(100)])
  }
  const seconds = (performance.now() - began) / 1000
  await clock.close()
  const total = peak.changes + peak.folded
  return [{
    what: `peak of ${COMMITS.toLocaleString('en')} commits, ${(COMMITS / seconds).toFixed(0)} a second`,
    figure: mib(total),
    target: `< ${mib(TARGET)}`,
    met: total < TARGET
  }, { what: '  larder.changes', figure: mib(peak.changes) }, { what: '  larder.folded', figure: mib(peak.folded) }]
}
