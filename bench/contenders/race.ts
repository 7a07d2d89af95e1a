import { load } from '../support/load.ts'
import { accountOf } from '../support/process.ts'
import { progress } from '../support/progress.ts'
import type { OwnRedis } from '../support/redis.ts'
import { assert } from '../support/turns.ts'
import { bareOf, CONTENDERS, type Contender, keyOf } from './list.ts'
import { sentBy } from './sent.ts'
import { type Server, startAll } from './start.ts'
import { tellsOf } from './tells.ts'

/** What a contender did in one round. */
export interface Turn {
  /** Hits a second. */
  hits: number
  /** Microseconds of CPU that a hit took; the machine's other work counts less here. */
  cpu: number
  /** Milliseconds that a request waited. */
  p50: number
  p99: number
  /** Its hits as a share of those of the bare route, which was measured in the moment before or after. */
  ofBare: number
  /** The same by the CPU that a hit took: who takes twice as much is at 0.5. */
  ofBareByCpu: number
}

export interface Course {
  /** What it tells its clients beside the page. */
  tells: string[]
  /** A turn for each round. */
  turns: Turn[]
}

/** All contenders in turn, over several rounds, each the other way round than the one before. */
export async function race (redis: OwnRedis, rounds: number): Promise<Map<string, Course>> {
  const { servers, stop } = await startAll(redis)
  try {
    const running = CONTENDERS.filter((contender) => servers.has(keyOf(contender)))
    const courses = new Map<string, Course>()
    for (const list of [false, true]) {
      const same = running.filter(({ group }) => (group === 'list') === list)
      await assertSame(same, servers)
      for (const contender of same) courses.set(keyOf(contender), { tells: await tellsBy(contender, servers), turns: [] })
    }
    const step = progress(running.length * (rounds + 1))
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const contender of round % 2 === 0 ? running : running.toReversed()) {
        step(keyOf(contender))
        const turn = await turnOf(contender, servers, round % 2 === 0)
        if (round > 0) courses.get(keyOf(contender))!.turns.push(turn)
      }
    }
    return courses
  } finally {
    await stop()
  }
}

/** Side by side with its bare route: what else the machine does changes from one second to the next, and should be in both. */
async function turnOf (contender: Contender, servers: Map<string, Server>, bareFirst: boolean): Promise<Turn> {
  const bare = bareOf(contender)
  if (bare === contender) return { ...await hitsOf(contender, servers), ofBare: 1, ofBareByCpu: 1 }
  const before = bareFirst ? await hitsOf(bare, servers) : undefined
  const turn = await hitsOf(contender, servers)
  const beside = before ?? await hitsOf(bare, servers)
  return { ...turn, ofBare: turn.hits / beside.hits, ofBareByCpu: beside.cpu / turn.cpu }
}

async function hitsOf (contender: Contender, servers: Map<string, Server>): Promise<Omit<Turn, 'ofBare' | 'ofBareByCpu'>> {
  const server = servers.get(keyOf(contender))!
  const before = await accountOf(server)
  const { requests, seconds, p50, p99 } = await load(server.address + contender.path)
  const after = await accountOf(server)
  assert(after.runs === before.runs, `${keyOf(contender)} made its page ${after.runs - before.runs} times while only hits were to be`)
  return { hits: requests / seconds, cpu: (after.cpu - before.cpu) / requests, p50, p99 }
}

async function tellsBy (contender: Contender, servers: Map<string, Server>): Promise<string[]> {
  if (contender.by === 'bare') return []
  const url = servers.get(keyOf(contender))!.address + contender.path
  return await tellsOf(url, await sentBy(url))
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
