import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { CLIENT_CORE, onCore } from './cores.ts'
import { percentile } from './table.ts'

const CONNECTIONS = 32

export interface Load {
  requests: number
  /** That they took all together. */
  seconds: number
  /** Milliseconds that one waited: the median. */
  p50: number
  p99: number
}

export const hasWrk = spawnSync('wrk', ['--version']).error === undefined

/** Asks for one URL as fast as it is answered, for so many seconds. */
export const load = hasWrk ? wrk : ownLoad

async function wrk (url: string, seconds = 1): Promise<Load> {
  const words = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '--latency', url]
  const child = spawn(...onCore(CLIENT_CORE, 'wrk', words), { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = await text(child.stdout)
  const [, requests, took] = /(\d+) requests in ([\d.]+)s/.exec(said) ?? []
  if (requests === undefined || said.includes('Non-2xx') || said.includes('Socket errors')) throw new Error(`wrk said:\n${said}`)
  return { requests: Number(requests), seconds: Number(took), p50: waited(said, 50), p99: waited(said, 99) }
}

const MS: Record<string, number> = { us: 0.001, ms: 1, s: 1000 }

/** Milliseconds of a line like `99%    2.31ms`. */
function waited (said: string, percent: number): number {
  const [, figure, unit] = new RegExp(`\\s${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(said) ?? []
  return Number(figure) * MS[unit ?? '']!
}

/** The same where wrk is missing: on each connection a request follows the answer to the one before. */
async function ownLoad (url: string, duration = 1): Promise<Load> {
  const { hostname, port, pathname, host } = new URL(url)
  const request = `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const began = performance.now()
  const until = began + duration * 1000
  const times: number[] = []
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const socket = connect(Number(port), hostname)
    let kept = ''
    let asked = performance.now()
    socket.setEncoding('latin1').on('data', (part: string) => {
      kept += part
      if (!isWhole(kept)) return
      kept = ''
      const now = performance.now()
      times.push(now - asked)
      asked = now
      if (now < until) socket.write(request)
      else socket.end()
    })
    socket.write(request)
    await once(socket, 'close')
  }))
  const seconds = (performance.now() - began) / 1000
  times.sort((a, b) => a - b)
  return { requests: times.length, seconds, p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}

function isWhole (answer: string): boolean {
  const head = answer.indexOf('\r\n\r\n')
  if (head < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(answer)?.[1]
  if (!answer.startsWith('HTTP/1.1 200 ') || length === undefined) throw new Error(`answered with ${answer.slice(0, head)}`)
  return answer.length >= head + 4 + Number(length)
}
