import type { Redis } from 'ioredis'
import t from 'tap'
import { freePort } from '../support/redis.ts'
import { LIST_KEY } from './endure.ts'
import { type Fault, testFaults, type World } from './world.ts'

/** So many keys, loaded so slowly that it takes about a second. */
const KEYS = 5_000
const LOAD_SLOWLY = ['--key-load-delay', '150', '--loading-process-events-interval-bytes', '1024']

/** Keys of other people, which take their time to load. */
async function fill ({ redis }: World): Promise<void> {
  await redis.ask((client) => client.eval(`for i = 1, ${KEYS} do redis.call('SET', 'other ' .. i, 'of somebody else') end`, 0))
}

const ask = (question: (client: Redis) => Promise<unknown>) => ({ redis }: World) => redis.ask(question)

/** Has it forget its master, which it never had: then it takes no writes, and by choice no reads either. */
const followNobody = (reads: 'yes' | 'no') => async ({ redis }: World) => {
  const port = await freePort()
  await redis.ask(async (client) => {
    await client.config('SET', 'replica-serve-stale-data', reads)
    await client.replicaof('127.0.0.1', port)
  })
}

const leadAgain = ask((client) => client.replicaof('NO', 'ONE'))

/** Takes the one place that there is for a connection, until it is told to leave it. */
function crowdOut (): Pick<Fault, 'strike' | 'heal'> {
  const leave = Promise.withResolvers<void>()
  let left: Promise<unknown>
  return {
    async strike ({ redis }) {
      const taken = Promise.withResolvers<void>()
      left = redis.ask(async (client) => {
        await client.config('SET', 'maxclients', '1')
        await client.call('CLIENT', 'KILL', 'TYPE', 'normal')
        taken.resolve()
        await leave.promise
        await client.config('SET', 'maxclients', '100')
      })
      await taken.promise
    },
    async heal () {
      leave.resolve()
      await left
    }
  }
}

/** Redis is there, and refuses. */
const FAULTS: Fault[] = [
  {
    name: '-LOADING after a start, with an old dump',
    async strike (world) {
      await fill(world)
      await world.redis.save()
      await world.redis.kill()
      await world.redis.restart({ options: LOAD_SLOWLY, ready: 'Server initialized' })
    },
    told: 'both'
  },
  {
    name: '-LOADING over a connection that stays',
    options: ['--enable-debug-command', 'yes', ...LOAD_SLOWLY],
    async strike (world) {
      await fill(world)
      world.redis.ask((client) => client.call('DEBUG', 'RELOAD')).catch(() => {})
    },
    told: 'both'
  },
  { name: '-READONLY', strike: followNobody('yes'), heal: leadAgain, told: 'nothing' },
  { name: '-MASTERDOWN', strike: followNobody('no'), heal: leadAgain, told: 'both' },
  {
    name: '-NOAUTH',
    strike: ask(async (client) => {
      await client.config('SET', 'requirepass', 'secret')
      await client.call('CLIENT', 'KILL', 'TYPE', 'normal')
    }),
    heal: ({ redis }) => redis.ask((client) => client.config('SET', 'requirepass', ''), 'secret'),
    told: 'both'
  },
  {
    name: '-NOPERM',
    strike: ask((client) => client.acl('SETUSER', 'default', 'resetkeys')),
    heal: ask((client) => client.acl('SETUSER', 'default', '~*')),
    told: 'nothing'
  },
  {
    name: '-BUSY with a script of somebody else that does not end',
    options: ['--busy-reply-threshold', '20'],
    strike ({ redis }) { redis.ask((client) => client.eval('while true do end', 0)).catch(() => {}) },
    heal: ask((client) => client.script('KILL')),
    told: 'both'
  },
  { name: 'no room for another connection', ...crowdOut(), told: 'both' },
  {
    name: 'full, keeps what it has',
    strike: ask((client) => client.config('SET', 'maxmemory', '1')),
    heal: ask((client) => client.config('SET', 'maxmemory', '0')),
    told: 'nothing'
  },
  {
    name: 'full, drops all that it has',
    options: ['--maxmemory-policy', 'allkeys-lru'],
    strike: ask((client) => client.config('SET', 'maxmemory', '1')),
    heal: ask((client) => client.config('SET', 'maxmemory', '0')),
    told: 'nothing'
  },
  {
    name: 'full of what others write, drops what was used least',
    options: ['--maxmemory-policy', 'allkeys-lru'],
    strike: ask(async (client) => {
      const used = Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1])
      await client.config('SET', 'maxmemory', String(used + 500_000))
    }),
    meanwhile: ask((client) => client.eval("for i = 1, 20 do redis.call('SET', KEYS[1] .. math.random(1e9), string.rep('x', 50000)) end", 1, 'other')),
    heal: ask((client) => client.config('SET', 'maxmemory', '0')),
    told: 'nothing'
  },
  {
    name: 'a list where the products should be, and where the page should be',
    meanwhile: ask(async (client) => {
      for (const key of new Set([LIST_KEY, ...await client.keys('larder:*')])) await client.multi().del(key).lpush(key, 'x').exec()
    }),
    strike () {},
    told: 'nothing'
  },
  {
    name: 'bytes of others where the products should be, and where the page should be',
    meanwhile: ask(async (client) => {
      for (const key of new Set([LIST_KEY, ...await client.keys('larder:*')])) await client.set(key, Buffer.from([0xc1, 1, 0xff, 0, 3]))
    }),
    strike () {},
    told: 'nothing'
  },
  {
    name: 'knows no script any more',
    meanwhile: ask((client) => client.script('FLUSH')),
    strike () {},
    told: 'nothing'
  }
]

testFaults(t, FAULTS)
