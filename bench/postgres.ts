import { bulk } from './postgres/bulk.ts'
import { checks } from './postgres/check.ts'
import { hits } from './postgres/hits.ts'
import { service } from './postgres/service.ts'
import { size } from './postgres/size.ts'
import { writers } from './postgres/writers.ts'
import { type OwnPostgres, startOwnPostgres } from './support/postgres.ts'
import { measure } from './support/sections.ts'
import type { Line } from './support/table.ts'

/*
 * Measures what the version clock of PostgreSQL costs: the check, hits of a page with one check per turn of the event
 * loop, writers, and the size of its list of changes. Compared variants take turns; figures are medians. It takes about
 * six minutes, and starts a PostgreSQL of its own in a temporary folder.
 */

/** The sections, in their order. BENCH_SECTIONS, a list of names, selects some. */
const SECTIONS: Record<string, [title: string, run: (postgres: OwnPostgres) => Promise<Line[]>]> = {
  check: ['The check of an entry, in process', checks],
  near: ['Hits of a page of 5 KiB; other: a bare route', (postgres) => hits(postgres, false)],
  far: ['The same, with the database one millisecond away', (postgres) => hits(postgres, true)],
  writers: ['Updates of one row; other: without the clock', writers],
  bulk: ['One statement that changes many rows; other: without the clock', bulk],
  service: ['Pages of the service; other: on SQLite', service],
  size: ['Size of the list of changes while it is folded', size]
}

const selected = process.env['BENCH_SECTIONS']?.split(',') ?? Object.keys(SECTIONS)

let postgres: OwnPostgres | undefined
try {
  postgres = await startOwnPostgres()
} catch (error) {
  console.log(`PostgreSQL is not measured. ${(error as Error).message}`)
}
if (postgres !== undefined) {
  const running = postgres
  try {
    await measure(Object.fromEntries(selected.map((name) => {
      const [title, run] = SECTIONS[name]!
      return [title, () => run(running)]
    })))
  } finally {
    await running.end()
  }
}
