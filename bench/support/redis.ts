import { join } from 'node:path'
import { Redis } from 'ioredis'
import { folder } from './files.ts'
import { start, stop } from './process.ts'

/** A Redis of our own, on a socket in our folder; undefined where there is none to start. */
export async function startRedis (): Promise<{ client: Redis, end: () => Promise<void> } | undefined> {
  const path = join(folder, 'redis.sock')
  const words = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder]
  const server = await start('redis-server', words, /ready to accept connections/i)
  if (server === undefined) return undefined
  const client = new Redis({ path })
  return {
    client,
    async end () {
      await client.quit()
      await stop(server)
    }
  }
}
