import t from 'tap'
import { startProxy } from '../support/proxy.ts'
import { startRestartableRedis } from '../support/restartable-redis.ts'
import { RECOVERY_MS } from './endure.ts'
import { COME, GONE } from './log.ts'
import { Patrol } from './patrol.ts'
import { startService, stock } from './service.ts'
import { untilIn } from '../support/until.ts'
import { inUse } from './world.ts'

t.test('one of two processes is cut off from Redis, and the other goes on with it', async (t) => {
  const redis = await startRestartableRedis(t)
  const proxy = await startProxy(t, redis.port)
  const cutOff = await startService(t, proxy.url)
  const other = await startService(t, redis.url, { path: cutOff.path })
  stock(other.truth)
  const [mine, theirs] = [new Patrol(cutOff), new Patrol(other)]
  const [mineUses, theirsUses] = [inUse(mine, () => redis), inUse(theirs, () => redis)]

  /** Who writes and who reads, in turn. */
  async function mingle (): Promise<void> {
    for (const writer of [mine, theirs]) {
      for (const reader of [mine, theirs]) {
        await writer.change()
        await reader.round()
        await reader.round()
      }
    }
  }

  await mingle()
  t.ok(await mineUses() && await theirsUses())
  proxy.blackHole()
  await untilIn('the one knows', RECOVERY_MS, async () => {
    await mingle()
    return cutOff.log.changes.includes(GONE)
  })
  await mingle()
  t.ok(await theirsUses(), 'the other still has answers in Redis')
  proxy.pass()
  await untilIn('both use Redis', RECOVERY_MS, async () => {
    await mingle()
    return await mineUses() && await theirsUses()
  })
  t.same([...mine.wrong, ...theirs.wrong], [], 'nobody ever says what is old')
  t.same([cutOff.log.changes, other.log.changes], [[GONE, COME], []])
  t.same([...cutOff.log.complaints, ...other.log.complaints], [])
})
