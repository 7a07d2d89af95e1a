import type { Test } from 'tap'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { type RestartableRedis, startRestartableRedis } from '../support/restartable-redis.ts'
import { type Log, UNAVAILABLE } from './log.ts'
import { type Service, insertProducts, startService } from './service.ts'
import { LIST_KEY, type Subject, surviveFault, type Trial } from './survive-fault.ts'
import { TrafficGenerator } from './traffic-generator.ts'

/** A Redis, the service, and the network between them. */
export interface World extends Subject {
  redis: RestartableRedis
  proxy: Proxy
  service: Service
}

export interface Fault extends Pick<Trial, 'name' | 'logs'> {
  inject (world: World): unknown
  recover? (world: World): unknown
  meanwhile? (world: World): unknown
  /** Options of `redis-server`. */
  options?: string[]
  /** The service connects to Redis through the proxy. */
  usesProxy?: boolean
}

/** Runs a test for each fault, with the whole service and a Redis of its own. @param rounds reads of each phase */
export function testFaults (t: Test, faults: Fault[], rounds: number): void {
  for (const fault of faults) {
    t.test(fault.name, async (t) => {
      const world = await setUp(t, fault)
      const { name, logs, recover, meanwhile } = fault
      await surviveFault(t, world, {
        name,
        logs,
        rounds,
        inject: () => fault.inject(world),
        recover: recover && (() => recover(world)),
        meanwhile: meanwhile && (() => meanwhile(world))
      })
    })
  }
}

export async function setUp (
  t: Test, { options = [], usesProxy = false }: Pick<Fault, 'options' | 'usesProxy'> = {}
): Promise<World> {
  const redis = await startRestartableRedis(t, ...options)
  const proxy = await startProxy(t, redis.port)
  const service = await startService(t, usesProxy ? proxy.url : redis.url)
  insertProducts(service.truth)
  const traffic = new TrafficGenerator(service)
  const { log } = service
  return { redis, proxy, service, traffic, log, usesRedis: redisUseCheck(traffic, log, () => redis) }
}

/** A key without an entry may hold a lease, which is shorter. */
const LEASE_BYTES = 100

/**
 * Makes a check of whether a service reads its responses from a Redis and stores them there. Its log must not say that
 * the circuit is open: then hits come from L1.
 *
 * @param redis returns the one that the service should use now
 */
export function redisUseCheck (
  traffic: TrafficGenerator, log: Log, redis: () => RestartableRedis | Promise<RestartableRedis>
): () => Promise<boolean> {
  const isStored = async () => {
    const bytes = await (await redis()).ask((client) => client.strlen(LIST_KEY)).catch(() => 0)
    return bytes > LEASE_BYTES
  }
  const isAvailable = () => log.changes.at(-1) !== UNAVAILABLE
  return async () => isAvailable() && await traffic.readList() && await traffic.readSlowPage() && await isStored()
}
