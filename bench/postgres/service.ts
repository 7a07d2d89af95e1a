import { request } from 'undici'
import { newFile } from '../support/files.ts'
import { load } from '../support/load.ts'
import type { OwnPostgres } from '../support/postgres.ts'
import { type Server, startMeasured, stop } from '../support/process.ts'
import { getRounds } from '../support/rounds.ts'
import type { Line } from '../support/table.ts'
import { assert, getMedianRatio, measureRounds, median } from '../support/turns.ts'

const ROUNDS = 5
const PRODUCTS = 100

/** How each page shows that its data was read from the cache. */
const PROOFS = { '/': ['server-timing', 'product_objects;desc="hit"'], '/apicalls': ['cache-status', 'larder; hit'] }

/** Measures the pages of the service on PostgreSQL. The other: on SQLite. */
export async function service (postgres: OwnPostgres): Promise<Line[]> {
  const pool = await postgres.createPool(postgres.test, { port: postgres.port })
  const { database } = pool.options
  const env = { HTTPBIN_DELAY: '0', CACHE_TTL: '3600', REDIS_URL: '' }
  const start = (url: string) => startMeasured('src/server.ts', [], { ...env, DATABASE_URL: url })
  const servers: Server[] = []
  try {
    servers.push(await start(`postgres://postgres@127.0.0.1:${postgres.port}/${database}`))
    servers.push(await start(`file:${await newFile('service', PRODUCTS)}`))
    const lines: Line[] = []
    for (const [path, proof] of Object.entries(PROOFS)) {
      for (const server of servers) await fill(server.address.replace(/\/$/, '') + path, proof)
      for (const connections of [1, 32]) lines.push(await compare(servers, path, connections))
    }
    return lines
  } finally {
    await Promise.all(servers.map(stop))
  }
}

async function fill (url: string, [header, value]: string[]): Promise<void> {
  for (let requests = 0; requests < 10; requests++) {
    const { headers, body } = await request(url)
    await body.dump()
    if (String(headers[header!]).includes(value!)) return
  }
  assert(false, `a hit of ${url}`)
}

async function compare (servers: Server[], path: string, connections: number): Promise<Line> {
  const run = ({ address }: Server) => async () => {
    const { requests, seconds } = await load(address.replace(/\/$/, '') + path, 1, connections)
    return requests / seconds
  }
  const rounds = await measureRounds(getRounds(ROUNDS), { postgres: run(servers[0]!), sqlite: run(servers[1]!) })
  const format = (all: number[]) => `${median(all).toFixed(0)} hits/s`
  return {
    what: `${path}, ${connections === 1 ? '1 connection' : `${connections} connections`}`,
    figure: format(rounds.postgres),
    other: format(rounds.sqlite),
    compared: `${getMedianRatio(rounds.postgres, rounds.sqlite).toFixed(2)} x`
  }
}
