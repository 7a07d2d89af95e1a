import { load } from '../support/load.ts'
import { accountOf } from '../support/process.ts'
import { progress } from '../support/progress.ts'
import type { OwnRedis } from '../support/redis.ts'
import { assert, roundsOf } from '../support/turns.ts'
import { CONTENDERS, type Contender, keyOf } from './list.ts'
import { sentBy } from './sent.ts'
import { type Server, startAll } from './start.ts'

/** What a contender did in each round. */
export interface Course {
  /** Hits a second. */
  hits: number[]
  /** Microseconds of CPU that a hit took; the machine's other work counts less here. */
  cpu: number[]
  /** Milliseconds that a request waited. */
  p50: number[]
  p99: number[]
}

/** All contenders in turn, over several rounds. */
export async function race (redis: OwnRedis, rounds: number): Promise<Map<string, Course>> {
  const { servers, stop } = await startAll(redis)
  try {
    const running = CONTENDERS.filter((contender) => servers.has(keyOf(contender)))
    for (const group of ['page', 'list']) {
      await assertSame(running.filter((contender) => (contender.group === 'list') === (group === 'list')), servers)
    }
    const step = progress(running.length * (rounds + 1))
    const courses = new Map(running.map((contender) => [keyOf(contender), { hits: [], cpu: [], p50: [], p99: [] } as Course]))
    const turns = Object.fromEntries(running.map((contender) => {
      const key = keyOf(contender)
      return [key, async () => {
        step(key)
        return await turn(contender, servers.get(key)!, courses.get(key)!)
      }]
    }))
    for (const [key, hits] of Object.entries(await roundsOf(rounds, turns))) {
      const { cpu, p50, p99 } = courses.get(key)!
      // The first round warms up.
      courses.set(key, { hits, cpu: cpu.slice(1), p50: p50.slice(1), p99: p99.slice(1) })
    }
    return courses
  } finally {
    await stop()
  }
}

async function turn (contender: Contender, server: Server, course: Course): Promise<number> {
  const before = await accountOf(server)
  const { requests, seconds, p50, p99 } = await load(server.address + contender.path)
  const after = await accountOf(server)
  assert(after.runs === before.runs, `${keyOf(contender)} made its page ${after.runs - before.runs} times while only hits were to be`)
  course.cpu.push((after.cpu - before.cpu) / requests)
  course.p50.push(p50)
  course.p99.push(p99)
  return requests / seconds
}

/** Sees to it that all answer with hits, and send the same bytes as the same kind of content. */
async function assertSame (contenders: Contender[], servers: Map<string, Server>): Promise<void> {
  let first: string | undefined
  for (const contender of contenders) {
    const key = keyOf(contender)
    const server = servers.get(key)!
    await sentBy(server.address + contender.path)
    const { runs } = await accountOf(server)
    const { fields, body } = await sentBy(server.address + contender.path)
    assert((await accountOf(server)).runs === runs, `${key} keeps nothing`)
    if (contender.by === 'peer') assert(runs === 1, `${key} made its page ${runs} times`)
    if (contender.proof !== undefined) {
      const [field, value] = contender.proof
      assert(fields[field]?.startsWith(value) === true, `${key} is no hit: ${field} is ${fields[field]}`)
    }
    const sent = `${fields['content-type']}\n${body}`
    first ??= sent
    assert(sent === first, `${key} sends other bytes than ${keyOf(contenders[0]!)}`)
  }
}
