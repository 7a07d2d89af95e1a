import t from 'tap'
import { LIST_KEY, RECOVERY_MS } from './endure.ts'
import { untilIn } from '../support/until.ts'
import { type Fault, testFaults, type World } from './world.ts'

/** Places to cut a reply at: nothing of it, its first byte, its head, and amid its value. */
const CUTS = [0, 1, 4, 100]

/** Redis has an answer, and it does not come whole. */
async function cutLookUp ({ proxy, redis, patrol }: World, bytes: number): Promise<void> {
  let isCut = false
  proxy.cut(bytes, LIST_KEY).then(() => { isCut = true })
  // What a process keeps near for itself it gives up for this change.
  await redis.ask((client) => client.pexpire(LIST_KEY, 60_000))
  await untilIn('the reply is cut', RECOVERY_MS, async () => {
    await patrol.list()
    return isCut
  })
}

/** Redis is well, and the line to it is not. */
const FAULTS: Fault[] = [
  {
    name: 'slow, 100 ms on each command',
    strike: ({ proxy }) => proxy.delay(100),
    heal: ({ proxy }) => proxy.pass(),
    told: 'both'
  },
  {
    name: 'slow, 20 ms on each command, within the deadline',
    strike: ({ proxy }) => proxy.delay(20),
    heal: ({ proxy }) => proxy.pass(),
    told: 'nothing'
  },
  {
    name: 'nothing gets through',
    strike: ({ proxy }) => proxy.blackHole(),
    heal: ({ proxy }) => proxy.pass(),
    told: 'both'
  },
  {
    name: 'connections of before lead nowhere, and new ones are well',
    strike: ({ proxy }) => proxy.forget(),
    told: 'both'
  },
  {
    name: 'killed, behind a proxy that takes connections and drops them',
    strike: ({ redis }) => redis.kill(),
    heal: ({ redis }) => redis.restart({ empty: true }),
    told: 'both'
  },
  ...CUTS.map((bytes): Fault => ({
    name: `cut after ${bytes} bytes of the reply to a look-up`,
    strike: (world) => cutLookUp(world, bytes),
    told: 'either'
  })),
  {
    // Redis has granted it, and nobody knows.
    name: 'cut in the reply that grants a lease',
    async strike ({ proxy, patrol }) {
      await patrol.change()
      await Promise.all([proxy.cut(1, LIST_KEY), patrol.page()])
    },
    told: 'either'
  },
  {
    name: 'cut in the reply to a change',
    async strike ({ proxy, patrol }) {
      await Promise.all([proxy.cut(1, LIST_KEY), patrol.change()])
    },
    told: 'either'
  }
]

testFaults(t, FAULTS.map((fault) => ({ ...fault, byProxy: true })))
