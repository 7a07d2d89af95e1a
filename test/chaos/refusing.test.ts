import type { Redis } from 'ioredis'
import t from 'tap'
import { freePort } from '../support/redis.ts'
import { soak } from '../support/soak.ts'
import { LIST_KEY } from './survive-fault.ts'
import { type Fault, testFaults, type World } from './world.ts'

/** Keys of others, which Redis loads so slowly that it takes about a second. */
const KEYS = 5_000
const LOAD_SLOWLY = ['--key-load-delay', '150', '--loading-process-events-interval-bytes', '1024']

async function insertOtherKeys ({ redis }: World): Promise<void> {
  const script = `for i = 1, ${KEYS} do redis.call('SET', 'other ' .. i, 'of another application') end`
  await redis.ask((client) => client.eval(script, 0))
}

const send = (commands: (client: Redis) => Promise<unknown>) => ({ redis }: World) => redis.ask(commands)

/** Makes it a replica without a master, which rejects writes, and reads as well if it may not serve stale data. */
const becomeReplica = (reads: 'yes' | 'no') => async ({ redis }: World) => {
  const port = await freePort()
  await redis.ask(async (client) => {
    await client.config('SET', 'replica-serve-stale-data', reads)
    await client.replicaof('127.0.0.1', port)
  })
}

const becomeMaster = send((client) => client.replicaof('NO', 'ONE'))

/** Allows one connection, and occupies it until the fault ends. */
function exhaustConnections (): Pick<Fault, 'inject' | 'recover'> {
  const release = Promise.withResolvers<void>()
  let released: Promise<unknown>
  return {
    async inject ({ redis }) {
      const occupied = Promise.withResolvers<void>()
      released = redis.ask(async (client) => {
        await client.config('SET', 'maxclients', '1')
        await client.call('CLIENT', 'KILL', 'TYPE', 'normal')
        occupied.resolve()
        await release.promise
        await client.config('SET', 'maxclients', '100')
      })
      await occupied.promise
    },
    async recover () {
      release.resolve()
      await released
    }
  }
}

const setMaxMemory = (bytes: number) => send((client) => client.config('SET', 'maxmemory', String(bytes)))

/** Writes something else where the service stores the list and the page. */
const overwrite = (write: (client: Redis, key: string) => Promise<unknown>) => send(async (client) => {
  for (const key of new Set([LIST_KEY, ...await client.keys('larder:*')])) await write(client, key)
})

/** Redis responds, but with errors, or without the data. */
const FAULTS: Fault[] = [
  {
    name: '-LOADING after a start with an old dump',
    async inject (world) {
      await insertOtherKeys(world)
      await world.redis.save()
      await world.redis.kill()
      await world.redis.restart({ options: LOAD_SLOWLY, ready: 'Server initialized' })
    },
    logs: 'both'
  },
  {
    name: '-LOADING over a connection that stays',
    options: ['--enable-debug-command', 'yes', ...LOAD_SLOWLY],
    async inject (world) {
      await insertOtherKeys(world)
      world.redis.ask((client) => client.call('DEBUG', 'RELOAD')).catch(() => {})
    },
    logs: 'both'
  },
  { name: '-READONLY', inject: becomeReplica('yes'), recover: becomeMaster, logs: 'none' },
  { name: '-MASTERDOWN', inject: becomeReplica('no'), recover: becomeMaster, logs: 'both' },
  {
    name: '-NOAUTH',
    inject: send(async (client) => {
      await client.config('SET', 'requirepass', 'secret')
      await client.call('CLIENT', 'KILL', 'TYPE', 'normal')
    }),
    recover: ({ redis }) => redis.ask((client) => client.config('SET', 'requirepass', ''), 'secret'),
    logs: 'both'
  },
  {
    name: '-NOPERM',
    inject: send((client) => client.acl('SETUSER', 'default', 'resetkeys')),
    recover: send((client) => client.acl('SETUSER', 'default', '~*')),
    logs: 'none'
  },
  {
    name: '-BUSY with an endless script of another client',
    options: ['--busy-reply-threshold', '20'],
    inject ({ redis }) { redis.ask((client) => client.eval('while true do end', 0)).catch(() => {}) },
    recover: send((client) => client.script('KILL')),
    logs: 'both'
  },
  { name: 'the maximum number of connections is reached', ...exhaustConnections(), logs: 'both' },
  {
    name: 'the memory is full, and nothing is evicted',
    inject: setMaxMemory(1),
    recover: setMaxMemory(0),
    logs: 'none'
  },
  {
    name: 'the memory is full, and all keys are evicted',
    options: ['--maxmemory-policy', 'allkeys-lru'],
    inject: setMaxMemory(1),
    recover: setMaxMemory(0),
    logs: 'none'
  },
  {
    name: 'the memory is full of keys of others, and the least recently used keys are evicted',
    options: ['--maxmemory-policy', 'allkeys-lru'],
    inject: send(async (client) => {
      const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1])
      await client.config('SET', 'maxmemory', String(used + 500_000))
    }),
    meanwhile: send((client) => client.eval(
      "for i = 1, 20 do redis.call('SET', KEYS[1] .. math.random(1e9), string.rep('x', 50000)) end", 1, 'other'
    )),
    recover: setMaxMemory(0),
    logs: 'none'
  },
  {
    name: 'the keys of the list and of the page hold lists',
    meanwhile: overwrite((client, key) => client.multi().del(key).lpush(key, 'x').exec()),
    inject () {},
    logs: 'none'
  },
  {
    name: 'the keys of the list and of the page hold bytes of others',
    meanwhile: overwrite((client, key) => client.set(key, Buffer.from([0xc1, 1, 0xff, 0, 3]))),
    inject () {},
    logs: 'none'
  },
  {
    name: 'Redis has forgotten all scripts',
    meanwhile: send((client) => client.script('FLUSH')),
    inject () {},
    logs: 'none'
  }
]

/** An error for each command, an error for writes alone, and an entry that cannot be read. */
const SHORT = [
  '-NOAUTH',
  'the memory is full, and nothing is evicted',
  'the keys of the list and of the page hold lists'
]

testFaults(t, soak(FAULTS, FAULTS.filter(({ name }) => SHORT.includes(name))), soak(10, 3))
