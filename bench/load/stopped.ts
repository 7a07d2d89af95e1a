import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { newFile } from '../support/files.ts'
import { startServer, stop } from '../support/process.ts'
import { startRedis } from '../support/redis.ts'
import { type Line, ms, percentile } from '../support/table.ts'
import { assert } from '../support/turns.ts'

/** Requests per second for each page. */
const RATE = 100
const CONNECTIONS = 64
const HEALTHY_MS = 5_000
/** After the stop of Redis, L1 is trusted for a second. Then commands miss their deadline. */
const DETECTION_MS = 2_500
const UNAVAILABLE_MS = 5_000

const PAGES = { '/': 'product list', '/apicalls': 'cached page' }
type Url = keyof typeof PAGES

/** Measures pages of the service while Redis responds, and while it is stopped. The upstream responds at once. */
export async function stopped (): Promise<Line[]> {
  const redis = await startRedis()
  if (redis === undefined) return [{ what: 'not measured: redis-server is not installed', figure: '' }]
  const DATABASE_URL = `file:${await newFile('stopped', 100)}`
  const env = { REDIS_URL: redis.url, DATABASE_URL, HTTPBIN_DELAY: '0', CACHE_TTL: '300' }
  const server = await startServer('src/server.ts', [], env)
  const pool = new Pool(server.address, { connections: CONNECTIONS })
  try {
    await requestPages(pool, 1_500) // warms up
    const healthy = await requestPages(pool, HEALTHY_MS)
    redis.child.kill('SIGSTOP')
    const detection = await requestPages(pool, DETECTION_MS)
    const unavailable = await requestPages(pool, UNAVAILABLE_MS)
    redis.child.kill('SIGCONT')
    return (Object.keys(PAGES) as Url[]).flatMap((url) => {
      const name = `${url} (${PAGES[url]})`
      return [
        ...lines(`${name}, Redis has just stopped`, detection[url], healthy[url]),
        ...lines(`${name}, circuit open`, unavailable[url], healthy[url])
      ]
    })
  } finally {
    redis.child.kill('SIGCONT')
    await pool.close()
    await stop(server)
    await redis.end()
  }
}

/** Sends requests at the rate. Returns the milliseconds of their responses, sorted. */
async function requestPages (pool: Pool, duration: number): Promise<Record<Url, number[]>> {
  const times: Record<Url, number[]> = { '/': [], '/apicalls': [] }
  const responses: Promise<void>[] = []
  async function request (path: Url, sentAt: number): Promise<void> {
    const { statusCode, body } = await pool.request({ method: 'GET', path })
    await body.dump()
    assert(statusCode === 200, `status 200 from ${path}, not ${statusCode}`)
    times[path].push(performance.now() - sentAt)
  }
  const began = performance.now()
  const count = Math.floor(duration * RATE / 1000)
  for (let i = 0; i < count; i++) {
    const due = began + i * 1000 / RATE
    const early = due - performance.now()
    if (early > 0) await sleep(early)
    const sentAt = performance.now() // not `due`: a late timer of this program is not the service's fault
    responses.push(request('/', sentAt), request('/apicalls', sentAt))
  }
  await Promise.all(responses)
  for (const url of Object.keys(PAGES) as Url[]) times[url].sort((a, b) => a - b)
  return times
}

function lines (what: string, figures: number[], others: number[]): Line[] {
  return Object.entries({ [what]: 0.99, '  p50': 0.5, '  the longest': 1 }).map(([what, share]) => {
    const [figure, other] = [percentile(figures, share), percentile(others, share)]
    return {
      what: share === 0.99 ? `p99 of ${what}` : what,
      figure: ms(figure),
      other: ms(other),
      compared: `${(figure / other).toFixed(1)} x`
    }
  })
}
