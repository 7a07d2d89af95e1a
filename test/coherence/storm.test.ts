import t from 'tap'
import { soak } from '../support/soak.ts'
import { disturbStores, IN_USE, killServers, type ServerStep, type StoreStep } from './storm/chaos.ts'
import { Random } from './storm/random.ts'
import { RAW_WRITERS } from './storm/raw.ts'
import { KINDS, readFrom } from './storm/readers.ts'
import { setUp } from './storm/storm.ts'
import { API_WRITERS, TRANSACTIONS, write } from './storm/writers.ts'

/*
 * Promise G1, "never stale", while real processes read and write, servers are killed, and Redis restarts with old data:
 * no response is older than the writes that were committed before its request began. STORM_SEED repeats the choices of
 * a storm, but not the scheduling of its processes. STORM_READS makes it longer.
 */
const SEED = Number(process.env.STORM_SEED ?? 1)
/** Reads of one round, in which each step is taken once, and how many gaps between steps they contain. */
const FULL = {
  reads: 10_000,
  gaps: 9,
  services: 2,
  serverSteps: ['kill a service', 'kill another', 'die in 1', 'die in 2', 'kill all'] as ServerStep[],
  storeSteps: ['old data', 'old data', 'old data', 'flush', 'move tables'] as StoreStep[],
  kindsOfWrites: 20
}
const SHORT: typeof FULL = {
  reads: 1_500,
  gaps: 5,
  services: 1,
  serverSteps: ['kill another', 'die in 1'],
  storeSteps: ['old data', 'flush', 'move tables'],
  kindsOfWrites: 12
}
const FORM = soak(FULL, SHORT)
const READS = Number(process.env.STORM_READS ?? FORM.reads)
const ROUNDS = Math.max(1, Math.floor(READS / FORM.reads))
const GAP = READS / ROUNDS / FORM.gaps
/** Concurrent requests to each server. */
const READERS = { services: 2, others: 4 }

t.setTimeout(180_000 + 20 * READS)

const startedAt = performance.now()
const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(1)
/** `make soak` shows each event when it happens. */
const onEvent = soak((event: string) => { process.stderr.write(`storm, ${seconds()} s, ${event}\n`) }, () => {})

t.test('no response is older than the writes that were committed when its request began', async (t) => {
  t.comment(`STORM_SEED=${SEED}`)
  const random = new Random(SEED)
  const storm = await setUp(t, FORM.services, onEvent)
  const { progress } = storm
  const servers = [...storm.services, ...storm.others]

  const readers = (['services', 'others'] as const).flatMap((group) => storm[group].flatMap((server) =>
    Array.from({ length: READERS[group] }, (_, i) => {
      return readFrom(storm, server, KINDS[group], random.fork(`${server.name} ${i}`))
    })))
  const writers = [API_WRITERS, RAW_WRITERS, TRANSACTIONS].map((writers, i) => {
    return write(storm, writers, random.fork(`writers ${i}`))
  })
  const disturbed = Promise.all([
    killServers(storm, random.fork('servers'), { rounds: ROUNDS, gap: GAP / 2, steps: FORM.serverSteps }),
    disturbStores(storm, random.fork('stores'), { rounds: ROUNDS, gap: GAP, steps: FORM.storeSteps })
  ])
  const ended = disturbed.then(() => progress.after(READS - progress.checked)).then(() => progress.end())
  try {
    await Promise.all([ended, ...readers, ...writers])
  } finally {
    progress.end()
  }

  const [violation] = progress.violations
  if (violation !== undefined) t.fail(`STORM_SEED=${SEED}`, violation)
  else t.pass('no violation')
  const [, eras] = await disturbed
  const lives = servers.flatMap(({ lives }) => lives)
  t.comment(`${progress.checked} reads in ${seconds()} s, ${progress.hits} of them hits`)
  t.comment(`${progress.unanswered} requests to servers that were killed`)
  for (const counts of [progress.reads, progress.writes, progress.events]) t.comment(Object.fromEntries(counts))
  t.comment(Object.fromEntries(lives.map(({ name, reads, hits }) => [name, { reads, hits }])))
  t.comment(eras)

  if (violation !== undefined) return
  t.test('and it was a storm', async (t) => {
    const count = <T>(steps: readonly T[], ...wanted: T[]) => {
      return ROUNDS * steps.filter((step) => wanted.includes(step)).length
    }
    t.ok(progress.checked >= READS, 'there were enough reads')
    t.ok(progress.hits > progress.checked * 0.2, 'many of them were hits')
    for (const { name } of Object.values(KINDS).flat()) t.ok(progress.reads.get(name)!.hits > 0, `${name}: hits`)
    t.ok(progress.reads.get('inside a transaction')!.reads > 0, 'some reads were inside transactions')
    t.ok(progress.writes.size >= FORM.kindsOfWrites, 'there were writes of every kind')
    const expected = {
      'SIGKILL of a server': count(FORM.serverSteps, 'kill a service', 'kill another'),
      'SIGKILL right after a commit': count(FORM.serverSteps, 'die in 1', 'die in 2'),
      'SIGKILL of all servers': count(FORM.serverSteps, 'kill all'),
      'Redis has restarted with old data': count(FORM.storeSteps, 'old data'),
      FLUSHALL: count(FORM.storeSteps, 'flush')
    }
    for (const [event, times] of Object.entries(expected)) t.equal(progress.events.get(event) ?? 0, times, event)
    if (FORM === FULL) for (const { name, lives } of servers) t.ok(lives.length > 1, `${name} was killed`)
    for (const { name, hits } of lives) t.ok(hits >= IN_USE.life, `${name} had hits`)
    for (const { name, reads, hits } of eras) {
      t.ok(reads > 0 && (hits >= IN_USE.era || name === 'Redis is unavailable'), `hits from Redis while ${name}`)
    }
  })
})
