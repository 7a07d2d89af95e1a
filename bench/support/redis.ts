import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { folder } from './files.ts'
import { start, stop } from './process.ts'

export interface OwnRedis {
  client: Redis
  /** The path of its socket. */
  path: string
  /** The same server over TCP. */
  url: string
  child: ChildProcess
  end: () => Promise<void>
}

let count = 0

/** A Redis of our own, on a socket in our folder and a port on loopback; undefined where there is none to start. */
export async function startRedis (...words: string[]): Promise<OwnRedis | undefined> {
  const path = join(folder, `redis-${++count}.sock`)
  const port = String(await freePort())
  const own = ['--bind', '127.0.0.1', '--port', port, '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder]
  const server = await start('redis-server', [...own, ...words], /ready to accept connections/i)
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

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
