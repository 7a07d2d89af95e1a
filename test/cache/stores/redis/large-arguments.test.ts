import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t from 'tap'
import { createCache, redisStore } from '../../../../src/cache/index.ts'
import { startRedis } from '../../../support/redis.ts'

const { url } = await startRedis(t, '--enable-debug-command', 'yes')
const client = new Redis(url)
t.teardown(() => client.disconnect())

/** More than one call may have as arguments, spread. */
const MANY = 150_000

t.test('many tags can be invalidated at once', async (t) => {
  const cache = createCache({ store: redisStore({ client, commandTimeout: '1m' }) })
  await cache.set('key', 'old', { tags: [`tag${MANY - 1}`] })
  await cache.invalidateTags(Array.from({ length: MANY }, (_, i) => `tag${i}`))
  t.equal(await cache.get('key'), undefined)
  await cache.close()
})

t.test('a commandTimeout beyond the longest timer of Node does not end at once', async (t) => {
  const states: boolean[] = []
  const store = redisStore({
    client, commandTimeout: Number.MAX_SAFE_INTEGER, onStateChange: (up) => { states.push(up) }
  })
  const cache = createCache({ store })
  const sleeping = client.call('DEBUG', 'SLEEP', '0.1')
  const reads = [cache.get('a'), cache.get('b'), cache.get('c'), cache.set('a', 1)]
  await Promise.all([sleeping, ...reads, sleep(10)])
  t.equal(await cache.get('a'), 1)
  t.strictSame(states, [])
  await cache.close()
})
