import { Pool } from 'undici'
import { startServer, stop } from '../support/process.ts'
import { startRedis } from '../support/redis.ts'
import { type Line, ms, percentile } from '../support/table.ts'
import { assert, median } from '../support/turns.ts'

const PROCESSES = 4
const REQUESTS = 1_000
const ROUNDS = 5
/** The page of another host is another page, and each process has a port of its own. */
const HOST = 'bench.test'
/** Milliseconds that the handler takes. */
const WORK = 500

/** Requests that miss a page at the same moment in several processes: how often its handler runs, and who waits how long. */
export async function misses (): Promise<Line[]> {
  const redis = await startRedis()
  if (redis === undefined) return [{ what: 'not measured: there is no redis-server', figure: '' }]
  const words = [redis.path, String(WORK)]
  const apps = await Promise.all(Array.from({ length: PROCESSES }, () => startServer('bench/load/miss-app.ts', words)))
  const pools = apps.map(({ address }) => new Pool(address, { connections: REQUESTS / PROCESSES }))
  const ask = async (pool: Pool, path: string) => {
    const { statusCode, body } = await pool.request({ method: 'GET', path, headers: { host: HOST } })
    assert(statusCode === 200, `${path} answered with status ${statusCode}`)
    return await body.text()
  }
  /** All at once; answers when each was answered, in milliseconds since 1970. */
  const askAll = (path: string) => Promise.all(Array.from({ length: REQUESTS }, async (_, i) => {
    await ask(pools[i % PROCESSES]!, path)
    return performance.timeOrigin + performance.now()
  }))
  const runsSoFar = async () => (await Promise.all(pools.map(async (pool) => JSON.parse(await ask(pool, '/runs')) as number[]))).flat()

  try {
    const rounds: Array<{ runs: number, took: number, waited: number[] }> = []
    // The first round opens the connections, and warms up.
    for (let round = 0; round <= ROUNDS; round++) {
      const began = performance.timeOrigin + performance.now()
      const answered = await askAll(`/slow?round=${round}`)
      const runs = await runsSoFar()
      const waited = answered.map((at) => at - Math.max(...runs)).sort((a, b) => a - b)
      if (round > 0) rounds.push({ runs: runs.length, took: Math.max(...answered) - began, waited })
    }
    const figure = (of: (round: typeof rounds[number]) => number) => median(rounds.map(of))
    const runs = Math.max(...rounds.map(({ runs }) => runs))
    const took = figure(({ took }) => took)
    return [
      { what: 'handler runs, at most', figure: String(runs), other: String(REQUESTS), target: '1', met: runs === 1 },
      { what: 'all answered; other: the handler alone', figure: ms(took), other: ms(WORK), compared: `+${ms(took - WORK)}` },
      { what: '  after the handler had ended, first', figure: ms(figure(({ waited }) => waited[0]!)) },
      { what: '  median', figure: ms(figure(({ waited }) => percentile(waited, 0.5))) },
      { what: '  last', figure: ms(figure(({ waited }) => waited.at(-1)!)) }
    ]
  } finally {
    await Promise.all(pools.map((pool) => pool.close()))
    await Promise.all(apps.map(stop))
    await redis.end()
  }
}
