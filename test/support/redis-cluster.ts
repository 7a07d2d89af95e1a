import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, Redis } from 'ioredis'
import type { Test } from 'tap'
import { freePort, type PrivateRedis, startRedis } from './redis.ts'

export interface RedisCluster {
  /** A client of the cluster, closed with the test. */
  client: Cluster
  /** A client of each master. */
  masters: Redis[]
  nodes: PrivateRedis[]
}

const SLOTS = 16_384

/** A Redis Cluster of so many masters on loopback, which share the slots. Needs Redis 7. */
export async function startRedisCluster (t: Test, size: number): Promise<RedisCluster> {
  // The port that a node would choose to talk to the others may be taken, or too high.
  const buses = await Promise.all(Array.from({ length: size }, freePort))
  const nodes = await Promise.all(buses.map((bus) => startRedis(t, '--cluster-enabled', 'yes', '--cluster-port', String(bus))))
  const masters = nodes.map(({ url }) => new Redis(url))
  t.teardown(() => masters.forEach((master) => master.disconnect()))

  const firstSlot = (i: number) => Math.ceil(i * SLOTS / size)
  await Promise.all(masters.map(async (master, i) => {
    await master.cluster('ADDSLOTSRANGE', firstSlot(i), firstSlot(i + 1) - 1)
    // Before they meet: else they would take turns to find out who of two has which.
    await master.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
  }))
  for (const [i, { port }] of nodes.entries()) {
    if (i > 0) await masters[0]!.call('CLUSTER', 'MEET', '127.0.0.1', String(port), String(buses[i]))
  }
  const isReady = async (master: Redis) => {
    const info = await master.cluster('INFO') as string
    return info.includes('cluster_state:ok') && info.includes(`cluster_slots_ok:${SLOTS}`) && info.includes(`cluster_known_nodes:${size}`)
  }
  while (!(await Promise.all(masters.map(isReady))).every(Boolean)) await sleep(20)

  const client = new Cluster([{ host: '127.0.0.1', port: nodes[0]!.port }])
  t.teardown(() => client.disconnect())
  return { client, masters, nodes }
}
