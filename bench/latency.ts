import { randomUUID } from 'node:crypto'
import { Pool } from 'undici'
import { type Process, startServer, stop as stopProcess } from './support/process.ts'
import { percentile } from './support/table.ts'

/*
 * Measures the pages of the service with and without their caches, on two real services: one with caches (in Redis too,
 * if REDIS_URL is set), and one without.
 */

const COLD_REQUESTS = 5
/** Requests of each other row; `node bench/latency.ts 50` sends fewer. */
const REQUESTS = Number(process.argv[2] ?? 500)
/** Requests before a measurement, which warm up the code but not the caches. */
const WARM_UP = REQUESTS / 5
/** The service with caches. Its prefix is new, since others may use the same Redis; the cache is purged at the end. */
const CACHED = { CACHE_TTL: '300', CACHE_KEY_PREFIX: `larder-latency-${randomUUID()}`, ADMIN_TOKEN: randomUUID() }
/** The service without caches. */
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

interface Response { ms: number, timing: string, body: string }

/** Requests a page. Returns the milliseconds that it took, its `Server-Timing`, and its text. */
async function request ({ pool }: Service, path: string): Promise<Response> {
  const began = performance.now()
  const { statusCode, headers, body } = await pool.request({ method: 'GET', path })
  const text = await body.text()
  const ms = performance.now() - began
  if (statusCode !== 200) throw new Error(`${path} responded with status ${statusCode}`)
  return { ms, timing: String(headers['server-timing']), body: text }
}

type Path = (index: number) => string

/**
 * Sends requests one after the other. Returns their milliseconds, sorted.
 *
 * @param path returns the path of a request by its index
 * @param hits whether all responses have to be hits, or none
 */
async function measure (service: Service, count: number, path: Path, hits: boolean): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const { ms, timing } = await request(service, path(index))
    if (timing.includes('"hit"') !== hits) {
      throw new Error(`Expected ${hits ? 'a hit' : 'a miss'} of ${path(index)}. Its Server-Timing is ${timing}`)
    }
    times.push(ms)
  }
  return times.sort((a, b) => a - b)
}

/** Reads from the dashboard which store the service uses, and checks its Redis. */
async function readStore (service: Service): Promise<string> {
  const { body } = await request(service, '/cache')
  const readTerm = (term: string) => new RegExp(`<dt>${term}</dt>\\s*<dd>([^<]+)</dd>`).exec(body)?.[1]?.trim()
  const store = readTerm('Store')
  const redis = readTerm('Redis')
  if (store === undefined) throw new Error('/cache does not name the store.')
  if (redis !== undefined && redis !== 'ready') {
    throw new Error(`Redis is unavailable, its state is "${redis}". Check REDIS_URL.`)
  }
  return store
}

/** Reads from /apicalls which upstream the service uses, and its delay. */
async function readUpstream (service: Service): Promise<string> {
  const { body } = await request(service, '/apicalls?upstream')
  const [, source, delay] = /requested a response from <b>([^<]+)<\/b> after (\S+ seconds?)/.exec(body) ?? []
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

/** Reports on stderr what is being measured. */
function progress (what: string): void {
  process.stderr.write(`${what} …\n`)
}

async function compare (cached: Service, uncached: Service): Promise<void> {
  console.log(`store: ${await readStore(cached)}; upstream: ${await readUpstream(cached)}`)
  for (const service of [cached, uncached]) await measure(service, WARM_UP, () => '/api/products?page=2', false)

  progress(`/apicalls cold, ${COLD_REQUESTS} requests`)
  const cold = await measure(cached, COLD_REQUESTS, (index) => `/apicalls?cold=${index}`, false)
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

// A signal alone would leave the services running.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const services: Service[] = []
try {
  for (const env of [CACHED, UNCACHED]) services.push(await start(env))
  await compare(services[0]!, services[1]!)
} catch (error) {
  console.error(`latency: ${(error as Error).message}`)
  process.exitCode = 1
} finally {
  if (services.length > 0) await purge(services[0]!).catch(() => {}) // what remains expires
  await Promise.all(services.map(stop))
}
