import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import type { Test } from 'tap'
import { freePort, type PrivateRedis, startRedis } from './redis.ts'

export interface RedisCluster {
  /** A client of the cluster, which ends with the test. */
  client: Cluster
  /** A client of each master. */
  masters: Redis[]
  nodes: PrivateRedis[]
}

const SLOTS = 16_384

/** Starts a Redis Cluster of this many masters on loopback, which share the slots. Needs Redis 7. */
export async function startRedisCluster (t: Test, size: number): Promise<RedisCluster> {
  // The default port of the cluster bus may be in use, or too high.
  const buses = await Promise.all(Array.from({ length: size }, freePort))
  const nodes = await Promise.all(buses.map((bus) =>
    startRedis(t, '--cluster-enabled', 'yes', '--cluster-port', String(bus))))
  const masters = nodes.map(({ url }) => new Redis(url))
  t.teardown(() => masters.forEach((master) => master.disconnect()))

  const firstSlot = (i: number) => Math.ceil(i * SLOTS / size)
  await Promise.all(masters.map(async (master, i) => {
    await master.cluster('ADDSLOTSRANGE', firstSlot(i), firstSlot(i + 1) - 1)
    // Before they meet, so that no two nodes have the same epoch and must resolve a conflict first.
    await master.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
  }))
  for (const [i, { port }] of nodes.entries()) {
    if (i > 0) await masters[0]!.call('CLUSTER', 'MEET', '127.0.0.1', String(port), String(buses[i]))
  }
  const isReady = async (master: Redis) => {
    const info = await master.cluster('INFO') as string
    const expected = ['cluster_state:ok', `cluster_slots_ok:${SLOTS}`, `cluster_known_nodes:${size}`]
    return expected.every((line) => info.includes(line))
  }
  while (!(await Promise.all(masters.map(isReady))).every(Boolean)) await sleep(20)

  const client = new Cluster([{ host: '127.0.0.1', port: nodes[0]!.port }])
  t.teardown(() => client.disconnect())
  return { client, masters, nodes }
}
