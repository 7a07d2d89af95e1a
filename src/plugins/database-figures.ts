import type { DatabaseLoad, WorkStats } from '../db/index.ts'
import type { Gauge } from '../larder/metrics.ts'

/** Milliseconds over which a mean is taken, at least. */
const WINDOW_MS = 5_000

/** The kinds of work, as the help texts name them. */
const KINDS = { read: 'Statements outside of transactions', transaction: 'Transactions' }

/** Lists the figures of the database for the dashboard. The means are those of the last seconds. */
export function listDatabaseFigures (load: DatabaseLoad, now = () => performance.now()): Gauge[] {
  const list = (kind: keyof typeof KINDS, stats: WorkStats): Gauge[] => {
    const [waiting] = listStates(kind, stats)
    const mean = (label: string, name: string, total: 'waitSeconds' | 'runSeconds'): Gauge =>
      ({ label, name, help: `${label}.`, unit: 'seconds', read: createMean(stats, total, now) })
    return [
      waiting!,
      mean(`Mean wait of a ${kind}`, `larder_database_${kind}_mean_wait_seconds`, 'waitSeconds'),
      mean(`Mean time of a ${kind}`, `larder_database_${kind}_mean_seconds`, 'runSeconds')
    ]
  }
  return [...list('read', load.reads), ...list('transaction', load.transactions)]
}

/** Lists the figures of the database for Prometheus, which computes means itself. */
export function listDatabaseMetrics (load: DatabaseLoad): Gauge[] {
  const list = (kind: keyof typeof KINDS, stats: WorkStats): Gauge[] => {
    const counter = (name: string, help: string, read: () => number): Gauge =>
      ({ label: help, name: `larder_database_${kind}${name}_total`, help, read })
    return [
      ...listStates(kind, stats),
      counter('s', `${KINDS[kind]} that have ended.`, () => stats.ended),
      counter('_wait_seconds', `${KINDS[kind]}: time that they have waited together.`, () => stats.waitSeconds),
      counter('_seconds', `${KINDS[kind]}: time that they have taken together.`, () => stats.runSeconds)
    ]
  }
  return [...list('read', load.reads), ...list('transaction', load.transactions)]
}

function listStates (kind: keyof typeof KINDS, stats: WorkStats): Gauge[] {
  return (['waiting', 'running'] as const).map((state) => ({
    label: `Database ${kind}s ${state}`,
    name: `larder_database_${kind}s_${state}`,
    help: `${KINDS[kind]} that are ${state} now.`,
    read: () => stats[state]
  }))
}

/** Returns a function that reads the mean since a call of at least five seconds ago, or since the start. */
function createMean (stats: WorkStats, total: 'waitSeconds' | 'runSeconds', now: () => number): Gauge['read'] {
  const take = () => ({ at: now(), ended: stats.ended, seconds: stats[total] })
  let [from, next] = [take(), take()]
  return () => {
    const current = take()
    if (current.at - next.at >= WINDOW_MS) [from, next] = [next, current]
    const count = current.ended - from.ended
    return count > 0 ? (current.seconds - from.seconds) / count : undefined
  }
}
