import { randomUUID } from 'node:crypto'
import { Pool } from 'undici'
import { type Process, startServer, stop as stopProcess } from './support/process.ts'
import { percentile } from './support/table.ts'

/**
 * Measures what the caches are worth, on real services in processes of their own: one with the caches, in Redis where
 * REDIS_URL names one, and one with neither.
 */

const COLD_REQUESTS = 5
/** Requests of each other row; `node bench/latency.ts 50` sends fewer. */
const REQUESTS = Number(process.argv[2] ?? 500)
/** What a process is asked before it is measured, to warm up its code and not its caches. */
const WARM_UP = REQUESTS / 5
/** The cache that is measured: empty at first, in a Redis that others use too, and emptied at the end. */
const CACHED = { CACHE_TTL: '300', CACHE_KEY_PREFIX: `larder-latency-${randomUUID()}`, ADMIN_TOKEN: randomUUID() }
/** Neither a cache nor the way to it. */
const UNCACHED = { CACHE_TTL: '0', REDIS_URL: '' }

interface Service { server: Process, pool: Pool }

async function start (env: Record<string, string>): Promise<Service> {
  const server = await startServer('src/server.ts', [], { HOST: '127.0.0.1', DATABASE_URL: 'file::memory:', ...env })
  return { server, pool: new Pool(server.address, { connections: 1 }) }
}

async function stop ({ server, pool }: Service): Promise<void> {
  await pool.close()
  await stopProcess(server)
}

/** Milliseconds that an answer took, what it says of the caches in its `Server-Timing`, and its text. */
async function ask ({ pool }: Service, path: string): Promise<{ ms: number, cache: string, body: string }> {
  const began = performance.now()
  const { statusCode, headers, body } = await pool.request({ method: 'GET', path })
  const text = await body.text()
  const ms = performance.now() - began
  if (statusCode !== 200) throw new Error(`${path} answered with status ${statusCode}`)
  return { ms, cache: String(headers['server-timing']), body: text }
}

/**
 * Milliseconds of requests one after the other, sorted.
 *
 * @param path gets the number of the request @param cached whether each must come from a cache, or none may
 */
async function measure (service: Service, requests: number, path: (request: number) => string, cached: boolean): Promise<number[]> {
  const times: number[] = []
  for (let request = 0; request < requests; request++) {
    const { ms, cache } = await ask(service, path(request))
    if (cache.includes('"hit"') !== cached) throw new Error(`${path(request)} was to be ${cached ? 'a hit' : 'no hit'}, but it said: ${cache}`)
    times.push(ms)
  }
  return times.sort((a, b) => a - b)
}

/** What the dashboard of the service says that it keeps its answers in, and how its Redis is. */
async function storeOf (service: Service): Promise<string> {
  const { body } = await ask(service, '/cache')
  const said = (term: string) => new RegExp(`<dt>${term}</dt>\\s*<dd>([^<]+)</dd>`).exec(body)?.[1]?.trim()
  const store = said('Store')
  const redis = said('Redis')
  if (store === undefined) throw new Error('/cache does not say which store it is')
  if (redis !== undefined && redis !== 'ready') throw new Error(`Redis is not there to be measured: its state is "${redis}"`)
  return store
}

/** Whom the service asks, and for how many seconds, as its page says. */
async function upstreamOf (service: Service): Promise<string> {
  const { body } = await ask(service, '/apicalls?upstream')
  const [, source, delay] = /We asked <b>([^<]+)<\/b> to answer after (\S+ seconds?)/.exec(body) ?? []
  return `${source}, ${delay}`
}

async function purge ({ pool }: Service): Promise<void> {
  const headers = { authorization: `Bearer ${CACHED.ADMIN_TOKEN}`, 'content-type': 'application/json' }
  const { body } = await pool.request({ method: 'POST', path: '/cache/purge', headers, body: '{"all":true}' })
  await body.dump()
}

function print (rows: Record<string, { times: number[], other?: number[] }>): void {
  const cells = Object.entries(rows).map(([name, { times, other }]) => [
    name,
    String(times.length),
    ...[0.5, 0.9, 0.99].map((share) => percentile(times, share).toFixed(2)),
    other === undefined ? '' : `${(percentile(other, 0.5) / percentile(times, 0.5)).toFixed(1)} x`
  ])
  const lines = [['ms', 'requests', 'p50', 'p90', 'p99', 'ratio of p50'], ...cells]
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const pad = (cell: string, column: number) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)
  console.log(lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n'))
}

/** Says what is being measured, to who waits for it. */
function progress (what: string): void {
  process.stderr.write(`${what} …\n`)
}

async function compare (cached: Service, uncached: Service): Promise<void> {
  console.log(`store: ${await storeOf(cached)}; upstream: ${await upstreamOf(cached)}`)
  for (const service of [cached, uncached]) await measure(service, WARM_UP, () => '/?page=2', false)

  progress(`/apicalls cold, ${COLD_REQUESTS} requests`)
  const cold = await measure(cached, COLD_REQUESTS, (request) => `/apicalls?cold=${request}`, false)
  progress(`/apicalls warm, ${REQUESTS} requests`)
  await measure(cached, WARM_UP, () => '/apicalls?cold=0', true)
  const warm = await measure(cached, REQUESTS, () => '/apicalls?cold=0', true)
  progress(`/ without the cache and with it, ${REQUESTS} requests each`)
  const without = await measure(uncached, REQUESTS, () => '/', false)
  await measure(cached, 1, () => '/', false)
  const withCache = await measure(cached, REQUESTS, () => '/', true)

  print({
    '/apicalls cold': { times: cold },
    '/apicalls warm': { times: warm, other: cold },
    '/ without the cache': { times: without },
    '/ with the cache': { times: withCache, other: without }
  })
}

// Ends the services with this process, which signals alone would not.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const services: Service[] = []
try {
  for (const env of [CACHED, UNCACHED]) services.push(await start(env))
  await compare(services[0]!, services[1]!)
} catch (error) {
  console.error(`latency: ${(error as Error).message}`)
  process.exitCode = 1
} finally {
  if (services.length > 0) await purge(services[0]!).catch(() => {}) // what is left expires
  await Promise.all(services.map(stop))
}
