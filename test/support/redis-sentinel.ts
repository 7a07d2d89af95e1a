import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { start } from './process.ts'
import { freePort } from './redis.ts'
import { type RestartableRedis, startRestartableRedis } from './restartable-redis.ts'

export interface RedisSentinel {
  /** How ioredis finds the master. */
  name: string
  sentinels: Array<{ host: string, port: number }>
  /** The master at the start, and its replica. */
  first: RestartableRedis
  second: RestartableRedis
  /** The present master, according to the sentinel. */
  master (): Promise<RestartableRedis>
  /** Promotes the replica while the master works. */
  failOver (): Promise<void>
}

const NAME = 'larder'
/** Milliseconds without a reply after which the master counts as down. */
const DOWN_MS = 300

/** Starts a master with a replica on loopback, and a sentinel whose vote alone is enough for a failover. */
export async function startRedisSentinel (t: Test): Promise<RedisSentinel> {
  const first = await startRestartableRedis(t, '--repl-diskless-sync-delay', '0')
  const replicaOf = ['--replicaof', `127.0.0.1 ${first.port}`]
  const second = await startRestartableRedis(t, '--repl-diskless-sync-delay', '0', ...replicaOf)
  // A sentinel that started earlier would find the replica only ten seconds later.
  while (!(await second.ask((client) => client.info('replication'))).includes('master_link_status:up')) await sleep(20)

  const folder = mkdtempSync(join(tmpdir(), 'larder-sentinel-'))
  const port = await freePort()
  const file = join(folder, 'sentinel.conf')
  writeFileSync(file, `
port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor ${NAME} 127.0.0.1 ${first.port} 1
sentinel down-after-milliseconds ${NAME} ${DOWN_MS}
sentinel failover-timeout ${NAME} 5000
`)
  const process = await start('redis-server', [file, '--sentinel'], '+monitor')
  if (process === undefined) throw new Error('the sentinel did not start')
  const client = new Redis(port)
  t.teardown(async () => {
    client.disconnect()
    await process.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  const knowsReplica = async () => {
    const [replica] = await client.call('SENTINEL', 'REPLICAS', NAME) as unknown[]
    return replica !== undefined && JSON.stringify(replica).includes('"master-link-status","ok"')
  }
  while (!await knowsReplica()) await sleep(20)

  return {
    name: NAME,
    sentinels: [{ host: '127.0.0.1', port }],
    first,
    second,
    async master () {
      const [, port] = await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME) as string[]
      return Number(port) === first.port ? first : second
    },
    async failOver () { await client.call('SENTINEL', 'FAILOVER', NAME) }
  }
}
