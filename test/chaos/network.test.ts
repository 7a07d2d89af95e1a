import t from 'tap'
import { soak } from '../support/soak.ts'
import { untilIn } from '../support/until.ts'
import { LIST_KEY, RECOVERY_MS } from './survive-fault.ts'
import { type Fault, testFaults, type World } from './world.ts'

/** How many bytes of a reply arrive: none, its first byte, its header, and a part of its value. */
const CUTS = [0, 1, 4, 100]

/** Cuts the connection within the reply to a lookup. */
async function cutLookup ({ proxy, redis, traffic }: World, bytes: number): Promise<void> {
  let isCut = false
  proxy.cut(bytes, LIST_KEY).then(() => { isCut = true })
  // The process drops the entry from L1 because of this change, and reads it from Redis again.
  await redis.ask((client) => client.pexpire(LIST_KEY, 60_000))
  await untilIn('the reply is cut', RECOVERY_MS, async () => {
    await traffic.readList()
    return isCut
  })
}

const cutAfter = (bytes: number): Fault => ({
  name: `the connection is cut after ${bytes} bytes of the reply to a lookup`,
  inject: (world) => cutLookup(world, bytes),
  logs: 'either'
})

/** Redis is healthy, and the network to it is not. */
const FAULTS: Fault[] = [
  {
    name: 'each reply takes 100 ms',
    inject: ({ proxy }) => proxy.delay(100),
    recover: ({ proxy }) => proxy.pass(),
    logs: 'both'
  },
  {
    name: 'each reply takes 20 ms, which is within the deadline',
    inject: ({ proxy }) => proxy.delay(20),
    recover: ({ proxy }) => proxy.pass(),
    logs: 'none'
  },
  {
    name: 'open connections are dead, and new ones work',
    inject: ({ proxy }) => proxy.forget(),
    logs: 'both'
  },
  {
    name: 'Redis is killed behind a proxy that accepts connections and drops them',
    inject: ({ redis }) => redis.kill(),
    recover: ({ redis }) => redis.restart({ empty: true }),
    logs: 'both'
  },
  ...CUTS.map(cutAfter),
  {
    // Redis has granted the lease, and no process holds it.
    name: 'the connection is cut within the reply that grants a lease',
    async inject ({ proxy, traffic }) {
      await traffic.write()
      await Promise.all([proxy.cut(1, LIST_KEY), traffic.readHtml()])
    },
    logs: 'either'
  },
  {
    name: 'the connection is cut within the reply to a write',
    async inject ({ proxy, traffic }) {
      await Promise.all([proxy.cut(1, LIST_KEY), traffic.write()])
    },
    logs: 'either'
  }
]

const NO_PACKETS: Fault = {
  name: 'no packet arrives',
  inject: ({ proxy }) => proxy.blackHole(),
  recover: ({ proxy }) => proxy.pass(),
  logs: 'both'
}

const faults = soak([NO_PACKETS, ...FAULTS], [NO_PACKETS, cutAfter(4)])
testFaults(t, faults.map((fault) => ({ ...fault, usesProxy: true })), soak(10, 3))
