import { once } from 'node:events'
import { connect } from 'node:net'
import { request } from 'undici'
import { startServer, stop } from '../support/process.ts'
import { startRedis } from '../support/redis.ts'
import { type Line, mib } from '../support/table.ts'
import { assert } from '../support/turns.ts'

/** So many URLs, each asked for once. */
const URLS = Number(process.env['BENCH_URLS'] ?? 1_000_000)
const URLS_WITH_REDIS = URLS / 5
const CONNECTIONS = 4
/** Requests on a connection that wait for their answers. */
const PIPELINE = 32
/** How an answer begins. */
const GOOD = 'HTTP/1.1 200 OK\r\n'
/** How much more of the heap there may be in use than after the first tenth, and how much more of the machine's memory. */
const TARGET = 1.1
const RESIDENT_TARGET = 1.25

interface Memory { kept: number, rss: number }

/** Whether memory grows with the number of URLs. */
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

async function measure (store: string, count: number, ...words: string[]): Promise<Line[]> {
  const app = await startServer('bench/load/urls-app.ts', words, { NODE_OPTIONS: '--expose-gc' })
  const memory = async () => await (await request(`${app.address}/memory`)).body.json() as Memory
  try {
    const [tenth, half] = [Math.floor(count / 10), Math.floor(count / 2)]
    await ask(app.address, 0, tenth)
    const first = await memory()
    await ask(app.address, tenth, half)
    const middle = await memory()
    await ask(app.address, half, count)
    const last = await memory()
    const line = (what: string, of: (memory: Memory) => number, later: Memory, target = TARGET): Line => {
      const share = of(later) / of(first)
      return { what, figure: mib(of(later)), other: mib(of(first)), compared: `${share.toFixed(2)} x`, target: `< ${target} x`, met: share < target }
    }
    return [
      line(`${store}: heap and buffers after ${half} URLs; other: after ${tenth}`, ({ kept }) => kept, middle),
      line(`  after ${count}`, ({ kept }) => kept, last),
      line(`  resident after ${half}`, ({ rss }) => rss, middle, RESIDENT_TARGET),
      line(`  resident after ${count}`, ({ rss }) => rss, last, RESIDENT_TARGET)
    ]
  } finally {
    await stop(app)
  }
}

/** Asks for the pages of these numbers, on connections that do not wait for one answer to ask for the next. */
async function ask (address: string, from: number, to: number): Promise<void> {
  const { hostname, port, host } = new URL(address)
  let next = from
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const socket = connect(Number(port), hostname)
    let waiting = 0
    let tail = ''
    const send = () => {
      let requests = ''
      for (; waiting < PIPELINE && next < to; waiting++) requests += `GET /page/${next++} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
      if (requests !== '') socket.write(requests)
      else if (waiting === 0) socket.end()
    }
    socket.setEncoding('latin1').on('data', (part: string) => {
      const text = tail + part
      assert(!/HTTP\/1\.1 [345]/.test(text), 'a page that is not answered with status 200')
      let end = 0
      for (let at = text.indexOf(GOOD); at >= 0; at = text.indexOf(GOOD, end)) {
        end = at + GOOD.length
        waiting--
      }
      tail = text.slice(Math.max(end, text.length - GOOD.length + 1))
      if (waiting < PIPELINE / 2) send()
    })
    send()
    await once(socket, 'close')
  }))
}
