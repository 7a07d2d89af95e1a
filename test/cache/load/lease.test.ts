import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createCache } from '../../../src/cache/index.ts'
import { killAll, start } from '../../support/process.ts'
import { withRedis } from '../../support/with-redis.ts'
import { until } from '../../support/until.ts'
import { patientRedisStore } from '../../support/patient-redis-store.ts'

const PROGRAM = fileURLToPath(new URL('lease-process.ts', import.meta.url))

const { client, url } = await withRedis(t)
t.teardown(killAll)

let prefixes = 0

interface Processes {
  /** Has all of them ask. */
  go (): Promise<void>
  /** The process ids of all who loaded, in order. */
  loads (): Promise<number[]>
  answers (): Promise<number[]>
  signal (pid: number, signal: NodeJS.Signals): void
  /** What is kept in the end. */
  kept (): Promise<number | undefined>
  prefix: string
}

async function startProcesses (t: Test, count: number, { times = 1, firstLoadMs = 0 }): Promise<Processes> {
  const prefix = `test${++prefixes}`
  const processes = await Promise.all(Array.from({ length: count }, () =>
    start(process.execPath, [PROGRAM, url, prefix, String(times), String(firstLoadMs)], 'ready')))
  t.teardown(() => Promise.all(processes.map((child) => child!.kill())))
  const list = async (name: string) => (await client.lrange(`${prefix}#${name}`, 0, -1)).map(Number)
  return {
    prefix,
    async go () { await client.publish(`${prefix}#go`, '') },
    loads: () => list('loads'),
    answers: () => list('answers'),
    signal: (pid, signal) => { process.kill(pid, signal) },
    async kept () { return await createCache({ store: patientRedisStore({ client, prefix }) }).get('key') }
  }
}

t.test('of all callers that miss at once in several processes, one loads', async (t) => {
  const { go, loads, answers, kept } = await startProcesses(t, 4, { times: 50, firstLoadMs: 300 })
  await go()
  await until('all have an answer', async () => (await answers()).length === 200)
  const loaders = await loads()
  t.equal(loaders.length, 1)
  t.strictSame(new Set(await answers()), new Set(loaders))
  t.equal(await kept(), loaders[0])
})

for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
  t.test(`a process that gets ${signal} during a load is replaced, once`, async (t) => {
    const { go, loads, answers, kept, signal: send } = await startProcesses(t, 3, { times: 10, firstLoadMs: 1_000 })
    await go()
    await until('one loads', async () => (await loads()).length === 1)
    const [first] = await loads() as [number]
    send(first, signal)
    const stoppedAt = performance.now()
    await until('the others have an answer', async () => (await answers()).length === 20)
    const ms = performance.now() - stoppedAt
    const [, second, ...more] = await loads()
    t.strictSame(more, [])
    t.not(second, first)
    t.ok(ms < 4_000, 'soon', { ms })
    t.comment(`replaced and loaded in ${Math.round(ms)} ms`)
    if (signal === 'SIGSTOP') {
      send(first, 'SIGCONT')
      await until('it has come to its end', async () => (await answers()).length === 30)
      await sleep(50) // its answers come after its attempt to keep
    }
    t.equal(await kept(), second, 'what the first brought is not kept')
  })
}
