import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { CLIENT_CORE, pinToCore } from './cores.ts'
import { percentile } from './table.ts'

const CONNECTIONS = 32

export interface Load {
  requests: number
  /** Duration of the whole run. */
  seconds: number
  /** Median latency, in milliseconds. */
  p50: number
  p99: number
}

export const hasWrk = spawnSync('wrk', ['--version']).error === undefined

/** Requests one URL as fast as possible, for so many seconds, on so many connections. */
export const load = hasWrk ? wrk : loopLoad

async function wrk (url: string, seconds = 1, connections = CONNECTIONS): Promise<Load> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url]
  const child = spawn(...pinToCore(CLIENT_CORE, 'wrk', args), { stdio: ['ignore', 'pipe', 'inherit'] })
  const output = await text(child.stdout)
  const [, requests, took] = /(\d+) requests in ([\d.]+)s/.exec(output) ?? []
  if (requests === undefined || /Non-2xx|Socket errors/.test(output)) {
    throw new Error(`wrk reports an error:\n${output}`)
  }
  const [p50, p99] = [parseLatency(output, 50), parseLatency(output, 99)]
  return { requests: Number(requests), seconds: Number(took), p50, p99 }
}

const MS: Record<string, number> = { us: 0.001, ms: 1, s: 1000 }

/** Parses the milliseconds of a line like `99%    2.31ms`. */
function parseLatency (output: string, percent: number): number {
  const [, figure, unit] = new RegExp(`\\s${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? []
  return Number(figure) * MS[unit ?? '']!
}

/** Does the same without wrk: each connection sends a request after the response to the one before. */
async function loopLoad (url: string, duration = 1, connections = CONNECTIONS): Promise<Load> {
  const { hostname, port, pathname, host } = new URL(url)
  const request = `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const began = performance.now()
  const until = began + duration * 1000
  const times: number[] = []
  await Promise.all(Array.from({ length: connections }, async () => {
    const socket = connect(Number(port), hostname)
    let received = ''
    let sentAt = performance.now()
    socket.setEncoding('latin1').on('data', (part: string) => {
      received += part
      if (!isComplete(received)) return
      received = ''
      const now = performance.now()
      times.push(now - sentAt)
      sentAt = now
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

function isComplete (response: string): boolean {
  const head = response.indexOf('\r\n\r\n')
  if (head < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(response)?.[1]
  if (!response.startsWith('HTTP/1.1 200 ') || length === undefined) {
    throw new Error(`Expected status 200, received ${response.slice(0, head)}`)
  }
  return response.length >= head + 4 + Number(length)
}
