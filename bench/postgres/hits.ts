import { startProxy } from '../../test/support/proxy.ts'
import { load } from '../support/load.ts'
import { type OwnPostgres } from '../support/postgres.ts'
import { getAccount, startMeasured, stop } from '../support/process.ts'
import { getRounds } from '../support/rounds.ts'
import { difference, type Line, us } from '../support/table.ts'
import { getMedianRatio, measureRounds, median } from '../support/turns.ts'

const ROUNDS = 5
const CONNECTIONS = [1, 32, 256]
/** Milliseconds that replies of a database take longer, which is in the same data centre, but not near. */
const DISTANCE = 1
/** The share of the throughput of the bare route at 32 connections. */
const TARGET = 0.85
/** Microseconds that a hit may take longer which arrives alone. */
const ADDED = 150

interface Hits { throughput: number, p50: number, cpu: number }

/** Measures hits of a page that is checked against the database, which is near or a millisecond away. */
export async function hits (postgres: OwnPostgres, isFar: boolean): Promise<Line[]> {
  const pool = await postgres.createNotes(1_000)
  const { user, database } = pool.options
  let connection: object = { host: postgres.host, port: postgres.port, user, database }
  if (isFar) {
    const proxy = await startProxy(postgres.test, postgres.port)
    proxy.delay(DISTANCE)
    const { hostname, port } = new URL(proxy.url)
    connection = { host: hostname, port: Number(port), user, database }
  }
  const app = await startMeasured('bench/postgres/hits-app.ts', [JSON.stringify(connection)])
  try {
    const lines: Line[] = []
    for (const connections of CONNECTIONS) {
      const measured = { bare: [] as Hits[], page: [] as Hits[] }
      const run = (name: keyof typeof measured, path: string) => async () => {
        const before = await getAccount(app)
        const { requests, seconds, p50 } = await load(app.address + path, 1, connections)
        const { cpu } = await getAccount(app)
        measured[name].push({ throughput: requests / seconds, p50: p50 * 1_000, cpu: (cpu - before.cpu) / requests })
        return requests / seconds
      }
      const rounds = await measureRounds(getRounds(ROUNDS), { bare: run('bare', '/bare'), page: run('page', '/page') })
      lines.push(...describe(connections, rounds, measured, isFar))
    }
    return lines
  } finally {
    await stop(app)
  }
}

function describe (
  connections: number, rounds: Record<'bare' | 'page', number[]>, { bare, page }: Record<'bare' | 'page', Hits[]>,
  isFar: boolean
): Line[] {
  // The first round warms up.
  const typical = (hits: Hits[], figure: keyof Hits) => median(hits.slice(1).map((hit) => hit[figure]))
  const share = getMedianRatio(rounds.page, rounds.bare)
  const format = (hits: Hits[]) => `${typical(hits, 'throughput').toFixed(0)} hits/s`
  const line: Line = {
    what: connections === 1 ? '1 connection' : `${connections} connections`,
    figure: format(page),
    other: format(bare),
    compared: `${share.toFixed(2)} x`
  }
  if (connections === 32 && !isFar) Object.assign(line, { target: `> ${TARGET} x`, met: share > TARGET })
  const compare = (what: string, figure: keyof Hits): Line => {
    const [own, other] = [typical(page, figure), typical(bare, figure)]
    return { what, figure: us(own), other: us(other), compared: difference(own, other) }
  }
  const latency = compare('  p50', 'p50')
  if (connections === 1 && !isFar) {
    const added = typical(page, 'p50') - typical(bare, 'p50')
    Object.assign(latency, { target: `< ${ADDED} µs`, met: added < ADDED })
  }
  return [line, latency, compare('  CPU of the process per hit', 'cpu')]
}
