import t from 'tap'
import { startProxy } from '../support/proxy.ts'
import { startRestartableRedis } from '../support/restartable-redis.ts'
import { untilIn } from '../support/until.ts'
import { AVAILABLE, UNAVAILABLE } from './log.ts'
import { insertProducts, startService } from './service.ts'
import { RECOVERY_MS } from './survive-fault.ts'
import { TrafficGenerator } from './traffic-generator.ts'
import { redisUseCheck } from './world.ts'

t.test('one of two processes is cut off from Redis, and the other goes on with it', async (t) => {
  const redis = await startRestartableRedis(t)
  const proxy = await startProxy(t, redis.port)
  const cutOff = await startService(t, proxy.url)
  const other = await startService(t, redis.url, { path: cutOff.path })
  insertProducts(other.truth)
  const [mine, theirs] = [new TrafficGenerator(cutOff), new TrafficGenerator(other)]
  const [mineUses, theirsUses] = [
    redisUseCheck(mine, cutOff.log, () => redis), redisUseCheck(theirs, other.log, () => redis)
  ]

  /** Writes through each process, and reads through both. */
  async function readAndWrite (): Promise<void> {
    for (const writer of [mine, theirs]) {
      for (const reader of [mine, theirs]) {
        await writer.write()
        await reader.readAll()
        await reader.readAll()
      }
    }
  }

  await readAndWrite()
  t.ok(await mineUses() && await theirsUses())
  proxy.blackHole()
  await untilIn('the process that is cut off has detected it', RECOVERY_MS, async () => {
    await readAndWrite()
    return cutOff.log.changes.includes(UNAVAILABLE)
  })
  await readAndWrite()
  t.ok(await theirsUses(), 'the other process still reads from Redis')
  proxy.pass()
  await untilIn('both use Redis', RECOVERY_MS, async () => {
    await readAndWrite()
    return await mineUses() && await theirsUses()
  })
  t.same([...mine.errors, ...theirs.errors], [], 'no response is stale')
  t.same([cutOff.log.changes, other.log.changes], [[UNAVAILABLE, AVAILABLE], []])
  t.same([...cutOff.log.warnings, ...other.log.warnings], [])
})
