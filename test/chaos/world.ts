import type { Test } from 'tap'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { type RestartableRedis, startRestartableRedis } from '../support/restartable-redis.ts'
import { endure, LIST_KEY, type Subject, type Trial } from './endure.ts'
import { Patrol } from './patrol.ts'
import { type Service, startService, stock } from './service.ts'

/** A Redis, the service, and the line between them. */
export interface World extends Subject {
  redis: RestartableRedis
  proxy: Proxy
  service: Service
}

export interface Fault extends Pick<Trial, 'name' | 'told'> {
  strike (world: World): unknown
  heal? (world: World): unknown
  meanwhile? (world: World): unknown
  /** Options of `redis-server`. */
  options?: string[]
  /** The service talks to Redis through the proxy. */
  byProxy?: boolean
}

/** A test for each fault, over the whole service and a Redis of its own. */
export function testFaults (t: Test, faults: Fault[]): void {
  for (const fault of faults) {
    t.test(fault.name, async (t) => {
      const world = await setUp(t, fault)
      const { name, told, heal, meanwhile } = fault
      await endure(t, world, {
        name,
        told,
        strike: () => fault.strike(world),
        heal: heal && (() => heal(world)),
        meanwhile: meanwhile && (() => meanwhile(world))
      })
    })
  }
}

export async function setUp (t: Test, { options = [], byProxy = false }: Pick<Fault, 'options' | 'byProxy'> = {}): Promise<World> {
  const redis = await startRestartableRedis(t, ...options)
  const proxy = await startProxy(t, redis.port)
  const service = await startService(t, byProxy ? proxy.url : redis.url)
  stock(service.truth)
  const patrol = new Patrol(service)
  return { redis, proxy, service, patrol, log: service.log, isInUse: inUse(patrol, () => redis) }
}

/** A key without an entry may hold a lease, which is shorter. */
const LEASE_BYTES = 100

/** Whether a service answers from a Redis, and keeps things there. @param redis the one that it is to use now */
export function inUse (patrol: Patrol, redis: () => RestartableRedis | Promise<RestartableRedis>): () => Promise<boolean> {
  const isKept = async () => await (await redis()).ask((client) => client.strlen(LIST_KEY)).catch(() => 0) > LEASE_BYTES
  return async () => await patrol.list() && await patrol.slowPage() && await isKept()
}
