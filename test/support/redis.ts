import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface PrivateRedis {
  url: string
  port: number
  /** Id of the process, for signals. */
  pid: number
}

/** Attempts to start, since another process may take the free port first. */
const ATTEMPTS = 5

/** Starts a Redis for one test on a free loopback port. It writes nothing to disk, and ends with the test. */
export async function startRedis (t: Test, ...options: string[]): Promise<PrivateRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'larder-redis-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const port = await freePort()
    const server = spawn('redis-server', [
      '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder, ...options
    ], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = once(server, 'exit')
    if (await isReady(server.stdout)) {
      t.teardown(async () => {
        server.kill('SIGKILL')
        await exited
      })
      return { url: `redis://127.0.0.1:${port}/0`, port, pid: server.pid! }
    }
    await exited
  }
  throw new Error(`redis-server did not start in ${ATTEMPTS} attempts`)
}

async function isReady (output: NodeJS.ReadableStream): Promise<boolean> {
  for await (const line of createInterface({ input: output })) {
    if (line.includes('Ready to accept connections')) {
      output.resume()
      return true
    }
  }
  return false
}

export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
