import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { type Process, start } from '../support/process.ts'
import { until } from '../support/until.ts'
import type { Network } from './network.ts'

const PORT = 6_379
const SENTINEL_PORT = 26_379
const SLOTS = 16_384
const MASTER = 'larder'

/** A Redis on a host. */
class RedisHost {
  readonly #network: Network
  readonly #host: string
  readonly #options: readonly string[]
  readonly #folder = mkdtempSync(join(tmpdir(), 'larder-redis-'))
  #process: Process | undefined

  constructor (t: Test, network: Network, host: string, options: readonly string[]) {
    this.#network = network
    this.#host = host
    this.#options = options
    t.teardown(async () => {
      await this.kill()
      rmSync(this.#folder, { recursive: true, force: true })
    })
  }

  get address (): string {
    return this.#network.address(this.#host)
  }

  async start (): Promise<void> {
    const [command, ...args] = [...this.#network.within(this.#host), 'redis-server', ...this.#options]
    this.#process = await start(command!, [...args, '--dir', this.#folder], 'eady to accept connections')
    if (this.#process === undefined) throw new Error(`Redis did not start on ${this.#host}.`)
  }

  async kill (): Promise<void> {
    await this.#process?.kill()
  }

  async run<T> (commands: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(PORT, this.address)
    client.on('error', () => {})
    try {
      return await commands(client)
    } finally {
      client.disconnect()
    }
  }

  readReplication (): Promise<string> {
    return this.run((client) => client.info('replication'))
  }
}

const OPTIONS = ['--port', String(PORT), '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', '',
  '--repl-diskless-sync-delay', '0']

/** The Redis of all processes, on several hosts. */
export interface RedisHosts {
  readonly url: string
  /** Kills the one that has the data, or a part of it. Resolves when the others have taken over. */
  failOver (): Promise<void>
}

/** A master, a replica, and a sentinel on a third host. */
export async function startSentinel (t: Test, network: Network, hosts: readonly string[]): Promise<RedisHosts> {
  const [first, second, watch] = hosts as [string, string, string]
  const master = new RedisHost(t, network, first, OPTIONS)
  const replicaOf = ['--replicaof', `${network.address(first)} ${PORT}`]
  const replica = new RedisHost(t, network, second, [...OPTIONS, ...replicaOf])
  await master.start()
  await replica.start()
  await until('the replica follows the master', async () =>
    (await replica.readReplication()).includes('master_link_status:up'))
  const folder = mkdtempSync(join(tmpdir(), 'larder-sentinel-'))
  const file = join(folder, 'sentinel.conf')
  writeFileSync(file, `port ${SENTINEL_PORT}
bind 0.0.0.0
protected-mode no
sentinel monitor ${MASTER} ${network.address(first)} ${PORT} 1
sentinel down-after-milliseconds ${MASTER} 500
sentinel failover-timeout ${MASTER} 5000
`)
  const [command, ...args] = [...network.within(watch), 'redis-server', file, '--sentinel']
  const sentinel = await start(command!, args, '+monitor')
  t.teardown(async () => {
    await sentinel?.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    url: `redis-sentinel://${network.address(watch)}:${SENTINEL_PORT}/0?master=${MASTER}`,
    async failOver () {
      const servers = [master, replica]
      let next: RedisHost | undefined
      await until('one of them follows the other', async () => {
        const states = await Promise.all(servers.map((server) => server.readReplication()))
        next = servers.find((_, i) => states[i]!.includes('master_link_status:up'))
        return next !== undefined
      })
      await servers.find((server) => server !== next)!.kill()
      await until('it has become the master', async () => (await next!.readReplication()).includes('role:master'))
    }
  }
}

/** A cluster of three masters. */
export async function startCluster (t: Test, network: Network, hosts: readonly string[]): Promise<RedisHosts> {
  const options = [...OPTIONS, '--cluster-enabled', 'yes', '--cluster-node-timeout', '1000']
  const nodes = hosts.map((host) => new RedisHost(t, network, host, options))
  for (const node of nodes) await node.start()
  for (const [i, node] of nodes.entries()) {
    await node.run(async (client) => {
      const firstSlot = (i: number) => Math.ceil(i * SLOTS / nodes.length)
      await client.cluster('ADDSLOTSRANGE', firstSlot(i), firstSlot(i + 1) - 1)
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
    })
  }
  await nodes[0]!.run(async (client) => {
    for (const { address } of nodes.slice(1)) await client.call('CLUSTER', 'MEET', address, PORT)
  })
  for (const node of nodes) {
    await until('the cluster is complete', () =>
      node.run(async (client) => String(await client.cluster('INFO')).includes('cluster_state:ok')))
  }
  return {
    url: `redis-cluster://${nodes.map(({ address }) => `${address}:${PORT}`).join()}`,
    async failOver () {
      await nodes[0]!.kill()
      await new Promise((resolve) => setTimeout(resolve, 1_500)) // the others notice it
      await nodes[0]!.start()
      await until('the cluster is complete again', () =>
        nodes[1]!.run(async (client) => String(await client.cluster('INFO')).includes('cluster_state:ok')))
    }
  }
}
