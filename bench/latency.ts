import { Pool } from 'undici'
import { type Process, startServer, stop as stopProcess } from './support/process.ts'
import { percentile } from './support/table.ts'

/** Measures what the caches are worth, on real services in processes of their own: one with the caches, one without. */

const REQUESTS = 500
/** Seconds; long enough to matter, short enough to wait for several times. */
const DELAY = process.env['HTTPBIN_DELAY'] ?? '2'
const COLD_REQUESTS = 3

interface Service { server: Process, pool: Pool }

async function start (env: Record<string, string>): Promise<Service> {
  const server = await startServer('src/server.ts', [], { DATABASE_URL: 'file::memory:', HTTPBIN_DELAY: DELAY, ...env })
  return { server, pool: new Pool(server.address, { connections: 1 }) }
}

async function stop ({ server, pool }: Service): Promise<void> {
  await pool.close()
  await stopProcess(server)
}

/** Milliseconds of requests one after the other, sorted. `path` gets the number of the request. */
async function measure ({ pool }: Service, requests: number, path: (request: number) => string): Promise<number[]> {
  const times: number[] = []
  for (let request = 0; request < requests; request++) {
    const began = performance.now()
    const { statusCode, body } = await pool.request({ method: 'GET', path: path(request) })
    await body.arrayBuffer()
    times.push(performance.now() - began)
    if (statusCode !== 200) throw new Error(`${path(request)} answered with status ${statusCode}`)
  }
  return times.sort((a, b) => a - b)
}

const cached = await start({})
const uncached = await start({ CACHE_TTL: '0' })
try {
  console.log(`store: ${process.env['REDIS_URL'] === undefined ? 'memory' : 'redis'}; upstream delay: ${DELAY} s; times in ms`)
  // The first requests to a process warm up its code, not its caches.
  for (const service of [cached, uncached]) await measure(service, 100, () => '/?page=2')

  const cold = await measure(cached, COLD_REQUESTS, (request) => `/apicalls?cold=${request}`)
  const warm = await measure(cached, REQUESTS, () => '/apicalls?cold=0')
  const without = await measure(uncached, REQUESTS, () => '/')
  const withCache = await measure(cached, REQUESTS, () => '/')

  const row = (name: string, times: number[], other: number[] | undefined) => ({
    page: name,
    requests: times.length,
    p50: percentile(times, 0.5).toFixed(2),
    p90: percentile(times, 0.9).toFixed(2),
    p99: percentile(times, 0.99).toFixed(2),
    'times faster (p50)': other === undefined ? '' : (percentile(other, 0.5) / percentile(times, 0.5)).toFixed(1)
  })
  console.table([
    row('/apicalls cold', cold, undefined), row('/apicalls warm', warm, cold),
    row('/ without the cache', without, undefined), row('/ with the cache', withCache, without)
  ])
} finally {
  await stop(cached)
  await stop(uncached)
}
