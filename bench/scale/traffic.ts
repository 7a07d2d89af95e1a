import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { percentile } from '../support/table.ts'
import { assert } from '../support/turns.ts'

/** Requests per second. */
const RATES = { '/apicalls': 200, '/healthz': 50 }
type Url = keyof typeof RATES
const CONNECTIONS = 32

export interface Latencies {
  /** Milliseconds of the hits of the cached page. */
  p50: number
  p99: number
  longest: number
  /** The longest of the requests that no cache serves. */
  healthz: number
}

/** Sends requests for a hit and for `/healthz` at fixed rates until `work` has ended, and longer if it is short. */
export async function measureDuring (
  address: string, work: () => Promise<unknown>, leastMs = 3_000
): Promise<Latencies> {
  const pool = new Pool(address, { connections: CONNECTIONS })
  const times: Record<Url, number[]> = { '/apicalls': [], '/healthz': [] }
  const end = new AbortController()
  async function request (path: Url): Promise<void> {
    const sentAt = performance.now()
    const { statusCode, headers, body } = await pool.request({ method: 'GET', path })
    await body.dump()
    times[path].push(performance.now() - sentAt)
    assert(statusCode === 200, `status 200 from ${path}, not ${statusCode}`)
    if (path === '/apicalls') assert(/hit/.test(String(headers['cache-status'])), 'a hit')
  }
  async function send (path: Url): Promise<void> {
    const responses: Promise<void>[] = []
    for (let due = performance.now(); !end.signal.aborted; due += 1000 / RATES[path]) {
      const early = due - performance.now()
      if (early > 0) await sleep(early)
      responses.push(request(path))
    }
    await Promise.all(responses)
  }
  try {
    const traffic = Promise.all((Object.keys(RATES) as Url[]).map(send))
    await Promise.all([work(), sleep(leastMs)]).finally(() => end.abort())
    await traffic
  } finally {
    await pool.close()
  }
  for (const figures of Object.values(times)) figures.sort((a, b) => a - b)
  const [hits, others] = [times['/apicalls'], times['/healthz']]
  return { p50: percentile(hits, 0.5), p99: percentile(hits, 0.99), longest: hits.at(-1)!, healthz: others.at(-1)! }
}
