import { EventEmitter } from 'node:events'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { IoredisClient } from '../../../../src/cache/stores/redis/ioredis.ts'
import { LeaseNotifications } from '../../../../src/cache/stores/redis/lease-notifications.ts'
import { heapUsed } from '../../../support/heap.ts'
import { startRedis } from '../../../support/redis.ts'
import { until } from '../../../support/until.ts'

/** Milliseconds that nobody waits for. */
const LONG = 30_000

const { url } = await startRedis(t)

async function setUp (t: Test) {
  const [client, other] = [new Redis(url), new Redis(url)]
  t.teardown(() => { for (const one of [client, other]) one.disconnect() })
  const wakeups = new LeaseNotifications(client)
  t.teardown(() => wakeups.close())
  const listening = async (name: string) => (await other.pubsub('NUMSUB', name) as [string, number])[1]
  return { client, other, wakeups, listening }
}

t.test('next resolves on a message, and when the channel has opened', async (t) => {
  const { other, wakeups, listening } = await setUp(t)
  const watch = wakeups.watch('channel')
  await watch.next(LONG) // it is open
  t.equal(await listening('channel'), 1)
  const second = wakeups.watch('channel')
  await second.next(LONG)
  const woken = Promise.all([watch.next(LONG), second.next(LONG)])
  await other.publish('channel', '')
  await woken
  watch.end()
  t.equal(await listening('channel'), 1, 'one still waits')
  second.end()
  await until('nobody listens', async () => await listening('channel') === 0)
})

t.test('a message that arrives between two calls of next resolves the second one, once', async (t) => {
  const { other, wakeups } = await setUp(t)
  const watch = wakeups.watch('channel')
  const nobody = wakeups.watch('another')
  await Promise.all([watch.next(LONG), nobody.next(LONG)])
  await other.publish('another', '')
  await other.publish('channel', '')
  await nobody.next(LONG)
  await watch.next(LONG)
  const began = performance.now()
  await watch.next(20)
  t.ok(performance.now() - began >= 19, 'the time was waited for')
})

t.test('a channel can be subscribed to again after end', async (t) => {
  const { other, wakeups, listening } = await setUp(t)
  for (let round = 0; round < 3; round++) {
    const watch = wakeups.watch('channel')
    await watch.next(LONG)
    const woken = watch.next(LONG)
    t.equal(await listening('channel'), 1)
    await other.publish('channel', '')
    await woken
    watch.end()
    watch.end() // once more does no harm
  }
  const before = wakeups.watch('channel')
  before.end()
  const watch = wakeups.watch('channel')
  before.end() // nor does it to others
  await watch.next(LONG)
  t.equal(await listening('channel'), 1)
})

t.test('a lost connection subscribes again', async (t) => {
  const { other, wakeups, listening } = await setUp(t)
  const watch = wakeups.watch('channel')
  await watch.next(LONG)
  await other.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await until('it listens again', async () => await listening('channel') === 1)
  const woken = watch.next(LONG)
  await other.publish('channel', '')
  await woken
  t.pass()
})

t.test('without a connection next resolves after its time', async (t) => {
  const { wakeups } = await setUp(t)
  const watch = wakeups.watch('channel')
  await watch.next(LONG)
  wakeups.close()
  await watch.next(5)
  const later = wakeups.watch('another')
  await later.next(5)
  watch.end()
  later.end()
  t.pass()
})

t.test('close removes all listeners, and happens with the end of the client', async (t) => {
  for (const closesFirst of [true, false]) {
    const { client, other, wakeups, listening } = await setUp(t)
    await client.ping()
    const before = client.listenerCount('end')
    const watch = wakeups.watch('channel')
    await watch.next(LONG)
    t.equal(client.listenerCount('end'), before + 1)
    if (closesFirst) wakeups.close()
    else client.disconnect()
    await until('nobody listens', async () => await listening('channel') === 0)
    t.equal(client.listenerCount('end'), before)
    await other.ping()
  }
})

t.test('100,000 channels leave nothing in memory', async (t) => {
  let open = 0
  class FakeClient extends EventEmitter {
    duplicate () { return this }
    async subscribe () { open++ }
    async unsubscribe () { open-- }
    disconnect () {}
  }
  const client = new FakeClient()
  const wakeups = new LeaseNotifications(client as unknown as IoredisClient)
  const watchMany = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const watch = wakeups.watch(`channel ${i}`)
      await watch.next(LONG)
      watch.end()
    }
  }
  await watchMany(1_000)
  client.emit('message', 'channel 1') // one that was on its way when the channel was left
  const before = await heapUsed()
  await watchMany(100_000)
  const grown = await heapUsed() - before
  t.equal(open, 0)
  t.ok(grown < 2_000_000, 'bytes', { grown })
})

t.test('without a connection at most 1,000 subscriptions wait, and none is cancelled before it is open', async (t) => {
  const open = Promise.withResolvers<void>()
  const log: string[] = []
  class FakeClient extends EventEmitter {
    duplicate () { return this }
    async subscribe (name: string) { log.push(`+${name}`); await open.promise }
    async unsubscribe (name: string) { log.push(`-${name}`) }
    disconnect () {}
  }
  const wakeups = new LeaseNotifications(new FakeClient() as unknown as IoredisClient)
  const watches = Array.from({ length: 1_500 }, (_, i) => wakeups.watch(`${i}`))
  t.equal(log.length, 1_000)
  await watches[1_499]!.next(1)
  for (const watch of watches) watch.end()
  const again = wakeups.watch('7')
  t.equal(log.filter((line) => line.startsWith('-')).length, 0)
  open.resolve()
  await until('all others were left', () => log.filter((line) => line.startsWith('-')).length === 999)
  t.notOk(log.includes('-7'), 'it was asked for again')
  again.end()
})
