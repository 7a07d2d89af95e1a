import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { type Latencies, measureDuring } from './scale/traffic.ts'
import { connect, newFile } from './support/files.ts'
import { type Server, startServer, stop } from './support/process.ts'
import { type Line, ms } from './support/table.ts'
import { measure } from './support/sections.ts'
import { assert, median } from './support/turns.ts'

/*
 * Measures the service as it is run, with a large table: what a hit waits while much is written, and what pages cost.
 * Takes about two minutes.
 */

const MANY = 1_000_000
const IMPORT = Array.from({ length: 10_000 }, (_, i) => ({ title: `Imported product number ${i}`, price: '9.99' }))
const ROUNDS = 30
/** Milliseconds that no hit may wait, and bytes of memory that the service may use. */
const LONGEST = 50
const MEMORY = 200

interface Service { server: Server, pool: Pool, path: string }

async function withService<T> (name: string, products: number, work: (service: Service) => Promise<T>): Promise<T> {
  const path = await newFile(`${name}-${products}`, products)
  const server = await startServer('src/server.ts', [], { DATABASE_URL: `file:${path}`, HTTPBIN_DELAY: '0' })
  const pool = new Pool(server.address, { connections: 4 })
  try {
    return await work({ server, pool, path })
  } finally {
    await pool.close()
    await stop(server)
  }
}

async function send ({ pool }: Service, method: 'GET' | 'POST' | 'PATCH', path: string, json?: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const payload = json === undefined ? {} : { headers, body: JSON.stringify(json) }
  const { statusCode, body } = await pool.request({ method, path, ...payload })
  await body.dump()
  assert(statusCode < 300, `success of ${method} ${path}, not ${statusCode}`)
}

/** Returns the resident memory of the service in MB. */
function readMemory ({ server }: Service): number {
  const [, pages] = readFileSync(`/proc/${server.child.pid}/statm`, 'utf8').split(' ')
  return Number(pages) * 4096 / 1e6
}

/** Reads the longest delay of the event loop since the last call, in milliseconds. */
async function readDelay ({ pool }: Service): Promise<number> {
  const { body } = await pool.request({ method: 'GET', path: '/metrics' })
  return 1000 * Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(await body.text())?.[1])
}

async function hits (): Promise<Line[]> {
  return await withService('hits', MANY, async (service) => {
    const { server: { address } } = service
    await send(service, 'GET', '/apicalls')
    await measureDuring(address, async () => {}) // warms up
    const lines: Line[] = []
    let rest: Latencies | undefined
    const during = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      await readDelay(service)
      const began = performance.now()
      let took = 0
      const latencies = await measureDuring(address, async () => {
        await work()
        took = performance.now() - began
      })
      rest ??= latencies
      lines.push(...describe(what, latencies, rest, await readDelay(service), took, readMemory(service)))
    }
    await during('at rest', async () => {})
    await during('bulk update of 1,000,000 products', () =>
      send(service, 'PATCH', '/api/products', { where: {}, set: { price: '1.00' } }))
    await during('import of 10,000 products', () => send(service, 'POST', '/api/products', IMPORT))
    await during('pages: number 1,000, one after the other', async () => {
      for (let i = 0; i < 100; i++) await send(service, 'GET', '/?page=1000')
    })
    await during('a write every 10 ms, by another program', () => writeFor(service, 3_000))
    return lines
  })
}

/** Updates one product after another, every 10 ms. */
async function writeFor ({ path }: Service, duration: number): Promise<void> {
  const connection = connect(path)
  const update = connection.prepare('UPDATE products SET price = ? WHERE id = ?')
  for (let i = 0; i < duration / 10; i++) {
    update.run(String(i), 1 + i * 7919 % MANY)
    await sleep(10)
  }
  connection.close()
}

function describe (
  what: string, { p50, p99, longest, healthz }: Latencies, rest: Latencies, delay: number, took: number, memory: number
): Line[] {
  const title = took < 100 ? what : `${what}, ${(took / 1000).toFixed(1)} s`
  return [
    { what: title, figure: '' },
    {
      what: '  p99 of a hit; other: at rest',
      figure: ms(p99),
      other: ms(rest.p99),
      compared: `${(p99 / rest.p99).toFixed(1)} x`,
      target: '< 2 x',
      met: p99 < 2 * rest.p99
    },
    { what: '  p50', figure: ms(p50), other: ms(rest.p50), compared: `${(p50 / rest.p50).toFixed(1)} x` },
    { what: '  longest hit', figure: ms(longest), target: `< ${LONGEST} ms`, met: longest < LONGEST },
    { what: '  longest /healthz', figure: ms(healthz) },
    { what: '  longest delay of the event loop', figure: ms(delay) },
    { what: '  resident memory', figure: `${memory.toFixed(0)} MB`, target: `< ${MEMORY} MB`, met: memory < MEMORY }
  ]
}

async function pages (): Promise<Line[]> {
  const figures: Array<{ products: number, first: number, deep: number }> = []
  for (const products of [100, 10_000, MANY]) {
    figures.push(await withService('pages', products, async (service) => {
      const position = readPosition(service, 9_000)
      const first = await timeEach(async () => {
        await send(service, 'PATCH', '/api/products/7', { price: String(Math.random()) })
      }, () => send(service, 'GET', '/'))
      const deep = await timeEach(async () => {}, () => send(service, 'GET', `/?page=9000&after=${position}`))
      return { products, first, deep }
    }))
  }
  const { first } = figures[0]!
  return figures.flatMap(({ products, ...times }) => [
    comparePage(`GET / after a write, ${products.toLocaleString('en')} products`, times.first, first, 1.5),
    comparePage(`GET /?page=9000&after=…, ${products.toLocaleString('en')} products`, times.deep, times.first)
  ])
}

/** Returns the position at which a page begins, or of the last product if there are fewer. */
function readPosition ({ path }: Service, page: number): string {
  const connection = connect(path)
  const [time, id] = connection.prepare(`SELECT julianday(created), id FROM products
    WHERE id >= (SELECT max(id) FROM products) - ? ORDER BY id LIMIT 1`).raw().get((page - 1) * 100) as [number, number]
  connection.close()
  return `${time}_${id}`
}

async function timeEach (before: () => Promise<void>, request: () => Promise<void>): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    await before()
    const began = performance.now()
    await request()
    times.push(performance.now() - began)
  }
  return median(times)
}

function comparePage (what: string, figure: number, other: number, target?: number): Line {
  const line = { what, figure: ms(figure), other: ms(other), compared: `${(figure / other).toFixed(2)} x` }
  return target === undefined ? line : { ...line, target: `< ${target} x`, met: figure / other < target }
}

await measure({
  'Hits of a cached page at 200 requests per second, a million products': hits,
  'Pages of the list; other: with 100 products, or the first page': pages
})
