import { load } from '../support/load.ts'
import { getAccount, type Server } from '../support/process.ts'
import { progress } from '../support/progress.ts'
import type { OwnRedis } from '../support/redis.ts'
import { assert } from '../support/turns.ts'
import { findBare, CONTENDERS, type Contender, getKey } from './list.ts'
import { fetchSent } from './sent.ts'
import { startAll } from './start.ts'
import { listHeaders } from './headers.ts'

/** The figures of a contender in one round. */
export interface Turn {
  /** Hits per second. */
  hits: number
  /** Microseconds of CPU per hit. Other work on the machine affects this less. */
  cpu: number
  /** Latency in milliseconds. */
  p50: number
  p99: number
  /** Its hits as a share of those of the bare route, which was measured directly before or after. */
  ofBare: number
  /** The same by CPU per hit: twice the CPU is a share of 0.5. */
  ofBareByCpu: number
}

export interface Course {
  /** What it headers its clients beside the page. */
  headers: string[]
  /** One turn per round. */
  turns: Turn[]
}

/** Lets all contenders take turns, over several rounds. Every other round runs in reverse order. */
export async function race (redis: OwnRedis, rounds: number): Promise<Map<string, Course>> {
  const { servers, stop } = await startAll(redis)
  try {
    const running = CONTENDERS.filter((contender) => servers.has(getKey(contender)))
    const courses = new Map<string, Course>()
    for (const list of [false, true]) {
      const same = running.filter(({ group }) => (group === 'list') === list)
      await assertSame(same, servers)
      for (const contender of same) {
        courses.set(getKey(contender), { headers: await requestHeaders(contender, servers), turns: [] })
      }
    }
    const step = progress(running.length * (rounds + 1))
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const contender of round % 2 === 0 ? running : running.toReversed()) {
        step(getKey(contender))
        const turn = await measureTurn(contender, servers, round % 2 === 0)
        if (round > 0) courses.get(getKey(contender))!.turns.push(turn)
      }
    }
    return courses
  } finally {
    await stop()
  }
}

/** Measures a contender beside its bare route, so that other work on the machine affects both. */
async function measureTurn (contender: Contender, servers: Map<string, Server>, bareFirst: boolean): Promise<Turn> {
  const bare = findBare(contender)
  if (bare === contender) return { ...await measureHits(contender, servers), ofBare: 1, ofBareByCpu: 1 }
  const before = bareFirst ? await measureHits(bare, servers) : undefined
  const turn = await measureHits(contender, servers)
  const beside = before ?? await measureHits(bare, servers)
  return { ...turn, ofBare: turn.hits / beside.hits, ofBareByCpu: beside.cpu / turn.cpu }
}

type Hits = Omit<Turn, 'ofBare' | 'ofBareByCpu'>

async function measureHits (contender: Contender, servers: Map<string, Server>): Promise<Hits> {
  const server = servers.get(getKey(contender))!
  const before = await getAccount(server)
  const { requests, seconds, p50, p99 } = await load(server.address + contender.path)
  const after = await getAccount(server)
  assert(after.runs === before.runs, `only hits of ${getKey(contender)}, not ${after.runs - before.runs} misses`)
  return { hits: requests / seconds, cpu: (after.cpu - before.cpu) / requests, p50, p99 }
}

async function requestHeaders (contender: Contender, servers: Map<string, Server>): Promise<string[]> {
  if (contender.by === 'bare') return []
  const url = servers.get(getKey(contender))!.address + contender.path
  return await listHeaders(url, await fetchSent(url))
}

/** Checks that all contenders respond with hits, and send the same bytes with the same content type. */
async function assertSame (contenders: Contender[], servers: Map<string, Server>): Promise<void> {
  let first: string | undefined
  for (const contender of contenders) {
    const key = getKey(contender)
    const server = servers.get(key)!
    await fetchSent(server.address + contender.path)
    const { runs } = await getAccount(server)
    const { fields, body } = await fetchSent(server.address + contender.path)
    assert((await getAccount(server)).runs === runs, `${key} stores nothing`)
    if (contender.by === 'peer') assert(runs === 1, `one miss of ${key}, not ${runs}`)
    if (contender.proof !== undefined) {
      const [field, value] = contender.proof
      assert(fields[field]?.startsWith(value) === true, `a hit of ${key}, but ${field} is ${fields[field]}`)
    }
    const sent = `${fields['content-type']}\n${body}`
    first ??= sent
    assert(sent === first, `the same bytes from ${key} as from ${getKey(contenders[0]!)}`)
  }
}
