import { Pool } from 'undici'
import { startServer, stop } from '../support/process.ts'
import { startRedis } from '../support/redis.ts'
import { type Line, ms, percentile } from '../support/table.ts'
import { assert, median } from '../support/turns.ts'

const PROCESSES = 4
const REQUESTS = 1_000
const ROUNDS = 5
/** Each process has its own port. With one host name, they share the page. */
const HOST = 'bench.test'
/** Milliseconds that the handler takes. */
const WORK = 500

/** Measures concurrent misses of a page in several processes: how often its handler runs, and how long they wait. */
export async function misses (): Promise<Line[]> {
  const redis = await startRedis()
  if (redis === undefined) return [{ what: 'not measured: redis-server is not installed', figure: '' }]
  const args = [redis.path, String(WORK)]
  const apps = await Promise.all(Array.from({ length: PROCESSES }, () => startServer('bench/load/miss-app.ts', args)))
  const pools = apps.map(({ address }) => new Pool(address, { connections: REQUESTS / PROCESSES }))
  const request = async (pool: Pool, path: string) => {
    const { statusCode, body } = await pool.request({ method: 'GET', path, headers: { host: HOST } })
    assert(statusCode === 200, `status 200 from ${path}, not ${statusCode}`)
    return await body.text()
  }
  /** Sends all requests at once. Returns the times of their responses, in milliseconds since 1970. */
  const requestAll = (path: string) => Promise.all(Array.from({ length: REQUESTS }, async (_, i) => {
    await request(pools[i % PROCESSES]!, path)
    return performance.timeOrigin + performance.now()
  }))
  const getRuns = async () => {
    const texts = await Promise.all(pools.map((pool) => request(pool, '/runs')))
    return texts.flatMap((text) => JSON.parse(text) as number[])
  }

  try {
    const rounds: Array<{ runs: number, took: number, waited: number[] }> = []
    // The first round opens the connections, and warms up.
    for (let round = 0; round <= ROUNDS; round++) {
      const began = performance.timeOrigin + performance.now()
      const responded = await requestAll(`/slow?round=${round}`)
      const runs = await getRuns()
      const waited = responded.map((at) => at - Math.max(...runs)).sort((a, b) => a - b)
      if (round > 0) rounds.push({ runs: runs.length, took: Math.max(...responded) - began, waited })
    }
    const figure = (of: (round: typeof rounds[number]) => number) => median(rounds.map(of))
    const runs = Math.max(...rounds.map(({ runs }) => runs))
    const took = figure(({ took }) => took)
    return [
      { what: 'handler runs, at most', figure: String(runs), other: String(REQUESTS), target: '1', met: runs === 1 },
      {
        what: 'until the last response; other: the handler alone',
        figure: ms(took),
        other: ms(WORK),
        compared: `+${ms(took - WORK)}`
      },
      { what: '  after the end of the handler, first', figure: ms(figure(({ waited }) => waited[0]!)) },
      { what: '  median', figure: ms(figure(({ waited }) => percentile(waited, 0.5))) },
      { what: '  last', figure: ms(figure(({ waited }) => waited.at(-1)!)) }
    ]
  } finally {
    await Promise.all(pools.map((pool) => pool.close()))
    await Promise.all(apps.map(stop))
    await redis.end()
  }
}
