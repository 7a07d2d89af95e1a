import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { newFile } from '../support/files.ts'
import { startServer, stop } from '../support/process.ts'
import { startRedis } from '../support/redis.ts'
import { type Line, ms, percentile } from '../support/table.ts'
import { assert } from '../support/turns.ts'

/** Requests a second for each page. */
const RATE = 100
const CONNECTIONS = 64
const HEALTHY_MS = 5_000
/** From the stop of Redis on: near entries are believed for a second, then commands run into their deadline. */
const DETECTION_MS = 2_500
const AWAY_MS = 5_000

const PAGES = { '/': 'product list', '/apicalls': 'cached page' }
type Url = keyof typeof PAGES

/** How long pages of the service take while Redis answers, and while it is stopped. Its upstream answers at once. */
export async function stopped (): Promise<Line[]> {
  const redis = await startRedis()
  if (redis === undefined) return [{ what: 'not measured: there is no redis-server', figure: '' }]
  const env = { REDIS_URL: redis.url, DATABASE_URL: `file:${newFile('stopped', 100)}`, HTTPBIN_DELAY: '0', CACHE_TTL: '300' }
  const server = await startServer('src/server.ts', [], env)
  const pool = new Pool(server.address, { connections: CONNECTIONS })
  try {
    await askFor(pool, 1_500) // warms up
    const healthy = await askFor(pool, HEALTHY_MS)
    redis.child.kill('SIGSTOP')
    const detection = await askFor(pool, DETECTION_MS)
    const away = await askFor(pool, AWAY_MS)
    redis.child.kill('SIGCONT')
    return (Object.keys(PAGES) as Url[]).flatMap((url) => {
      const name = `${url} (${PAGES[url]})`
      return [
        ...lines(`${name}, Redis has just stopped`, detection[url], healthy[url]),
        ...lines(`${name}, Redis is known to be away`, away[url], healthy[url])
      ]
    })
  } finally {
    redis.child.kill('SIGCONT')
    await pool.close()
    await stop(server)
    await redis.end()
  }
}

/** Milliseconds of the answers, sorted, each from the time at which it was due to be asked for. */
async function askFor (pool: Pool, duration: number): Promise<Record<Url, number[]>> {
  const times: Record<Url, number[]> = { '/': [], '/apicalls': [] }
  const answers: Promise<void>[] = []
  async function ask (path: Url, due: number): Promise<void> {
    const { statusCode, body } = await pool.request({ method: 'GET', path })
    await body.dump()
    assert(statusCode === 200, `${path} answered with status ${statusCode}`)
    times[path].push(performance.now() - due)
  }
  const began = performance.now()
  const count = Math.floor(duration * RATE / 1000)
  for (let i = 0; i < count; i++) {
    const due = began + i * 1000 / RATE
    const early = due - performance.now()
    if (early > 0) await sleep(early)
    const asked = performance.now() // a timer of this program that is late is no fault of the service
    answers.push(ask('/', asked), ask('/apicalls', asked))
  }
  await Promise.all(answers)
  for (const url of Object.keys(PAGES) as Url[]) times[url].sort((a, b) => a - b)
  return times
}

function lines (what: string, figures: number[], others: number[]): Line[] {
  return Object.entries({ [what]: 0.99, '  p50': 0.5, '  the longest': 1 }).map(([what, share]) => {
    const [figure, other] = [percentile(figures, share), percentile(others, share)]
    return { what: share === 0.99 ? `p99 of ${what}` : what, figure: ms(figure), other: ms(other), compared: `${(figure / other).toFixed(1)} x` }
  })
}
