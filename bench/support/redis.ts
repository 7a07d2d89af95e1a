import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { folder } from './files.ts'
import { start, stop } from './process.ts'

export interface OwnRedis {
  client: Redis
  /** Path of its Unix socket. */
  path: string
  /** URL of the same server over TCP. */
  url: string
  child: ChildProcess
  end: () => Promise<void>
}

let count = 0

/** Starts a Redis on a Unix socket and a port of loopback. Returns `undefined` if it is not installed. */
export async function startRedis (...args: string[]): Promise<OwnRedis | undefined> {
  const path = join(folder, `redis-${++count}.sock`)
  const port = String(await freePort())
  const defaults = [
    '--bind', '127.0.0.1', '--port', port, '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder
  ]
  const server = await start('redis-server', [...defaults, ...args], /ready to accept connections/i)
  if (server === undefined) return undefined
  const client = new Redis({ path })
  return {
    client,
    path,
    url: `redis://127.0.0.1:${port}/0`,
    child: server.child,
    async end () {
      await client.quit()
      await stop(server)
    }
  }
}

/** Returns a port of loopback that nothing uses. */
export async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
