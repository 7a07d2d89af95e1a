import { once } from 'node:events'
import { connect } from 'node:net'
import { request } from 'undici'
import { startServer, stop } from '../support/process.ts'
import { startRedis } from '../support/redis.ts'
import { type Line, mib } from '../support/table.ts'
import { assert } from '../support/turns.ts'

/** Number of URLs, each requested once. */
const URLS = Number(process.env['BENCH_URLS'] ?? 1_000_000)
const URLS_WITH_REDIS = URLS / 5
const CONNECTIONS = 4
/** Pipelined requests per connection. */
const PIPELINE = 32
/** How a response begins. */
const STATUS_LINE = 'HTTP/1.1 200 OK\r\n'
/** Ratios of the used heap, and of resident memory, to those after the first tenth. */
const TARGET = 1.1
const RESIDENT_TARGET = 1.25

interface Memory { used: number, rss: number }

/** Measures whether memory grows with the number of URLs. */
export async function urls (): Promise<Line[]> {
  const alone = await measure('memory', URLS)
  const redis = await startRedis('--maxmemory', '64mb', '--maxmemory-policy', 'allkeys-lru')
  if (redis === undefined) return alone
  try {
    return [...alone, ...await measure('memory over Redis', URLS_WITH_REDIS, redis.path)]
  } finally {
    await redis.end()
  }
}

async function measure (store: string, count: number, ...args: string[]): Promise<Line[]> {
  const app = await startServer('bench/load/urls-app.ts', args, { NODE_OPTIONS: '--expose-gc' })
  const memory = async () => await (await request(`${app.address}/memory`)).body.json() as Memory
  try {
    const [tenth, half] = [Math.floor(count / 10), Math.floor(count / 2)]
    await requestPages(app.address, 0, tenth)
    const first = await memory()
    await requestPages(app.address, tenth, half)
    const middle = await memory()
    await requestPages(app.address, half, count)
    const last = await memory()
    const line = (what: string, read: (memory: Memory) => number, later: Memory, target = TARGET): Line => {
      const share = read(later) / read(first)
      return {
        what,
        figure: mib(read(later)),
        other: mib(read(first)),
        compared: `${share.toFixed(2)} x`,
        target: `< ${target} x`,
        met: share < target
      }
    }
    return [
      line(`${store}: heap and buffers after ${half} URLs; other: after ${tenth}`, ({ used }) => used, middle),
      line(`  after ${count}`, ({ used }) => used, last),
      line(`  resident after ${half}`, ({ rss }) => rss, middle, RESIDENT_TARGET),
      line(`  resident after ${count}`, ({ rss }) => rss, last, RESIDENT_TARGET)
    ]
  } finally {
    await stop(app)
  }
}

/** Requests the pages with these numbers, on connections with pipelined requests. */
async function requestPages (address: string, from: number, to: number): Promise<void> {
  const { hostname, port, host } = new URL(address)
  let next = from
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const socket = connect(Number(port), hostname)
    let waiting = 0
    let tail = ''
    const send = () => {
      let requests = ''
      for (; waiting < PIPELINE && next < to; waiting++) {
        requests += `GET /page/${next++} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
      }
      if (requests !== '') socket.write(requests)
      else if (waiting === 0) socket.end()
    }
    socket.setEncoding('latin1').on('data', (part: string) => {
      const text = tail + part
      assert(!/HTTP\/1\.1 [345]/.test(text), 'status 200')
      let end = 0
      for (let at = text.indexOf(STATUS_LINE); at >= 0; at = text.indexOf(STATUS_LINE, end)) {
        end = at + STATUS_LINE.length
        waiting--
      }
      tail = text.slice(Math.max(end, text.length - STATUS_LINE.length + 1))
      if (waiting < PIPELINE / 2) send()
    })
    send()
    await once(socket, 'close')
  }))
}
