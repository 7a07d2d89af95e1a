import t from 'tap'
import { setUp } from './storm/storm.ts'
import { IN_USE, killServers, shakeStores } from './storm/chaos.ts'
import { Random } from './storm/random.ts'
import { RAW_WRITERS } from './storm/raw.ts'
import { KINDS, readFrom } from './storm/readers.ts'
import { API_WRITERS, TRANSACTIONS, write } from './storm/writers.ts'

/*
 * Never stale: whoever writes, however it is killed, and whatever Redis comes back with, no answer is older than what
 * was committed before its request began. STORM_SEED repeats the choices of a storm, though not how processes take
 * turns; STORM_READS makes it longer.
 */
const SEED = Number(process.env.STORM_SEED ?? 1)
const READS = Number(process.env.STORM_READS ?? 10_000)
/** Requests under way at a time, for each server. */
const READERS = { services: 2, others: 4 }
/** Reads in which everything is killed as it should be, and the parts into which that divides them. */
const ROUND = 10_000
const PARTS = 9

t.setTimeout(180_000 + 20 * READS)

t.test('no answer is older than what was committed when its request began', async (t) => {
  t.comment(`STORM_SEED=${SEED}`)
  const random = new Random(SEED)
  const storm = await setUp(t)
  const { tally } = storm
  const servers = [...storm.services, ...storm.others]
  const rounds = Math.max(1, Math.floor(READS / ROUND))
  const gap = READS / rounds / PARTS
  const began = performance.now()

  const readers = (['services', 'others'] as const).flatMap((group) => storm[group].flatMap((server) =>
    Array.from({ length: READERS[group] }, (_, i) => readFrom(storm, server, KINDS[group], random.fork(`${server.name} ${i}`)))))
  const writers = [API_WRITERS, RAW_WRITERS, TRANSACTIONS].map((writers, i) => write(storm, writers, random.fork(`writers ${i}`)))
  const shaken = Promise.all([killServers(storm, random.fork('servers'), { rounds, gap: gap / 2 }), shakeStores(storm, random.fork('stores'), { rounds, gap })])
  const enough = shaken.then(() => tally.after(READS - tally.checked)).then(() => tally.end())
  try {
    await Promise.all([enough, ...readers, ...writers])
  } finally {
    tally.end()
  }

  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  const [violation] = tally.violations
  if (violation !== undefined) t.fail(`STORM_SEED=${SEED}`, violation)
  else t.pass('no violation')
  const [, eras] = await shaken
  const lives = servers.flatMap(({ lives }) => lives)
  t.comment(`${tally.checked} reads checked in ${seconds} s, ${tally.hits} of them hits; ${tally.unanswered} requests were on their way to servers that were killed`)
  for (const counts of [tally.reads, tally.writes, tally.happenings]) t.comment(Object.fromEntries(counts))
  t.comment(Object.fromEntries(lives.map(({ name, reads, hits }) => [name, { reads, hits }])))
  t.comment(eras)

  if (violation !== undefined) return
  t.test('and it was a storm', async (t) => {
    t.ok(tally.checked >= READS, 'enough was read')
    t.ok(tally.hits > tally.checked * 0.2, 'a fair share of it from a cache')
    for (const { name } of [...KINDS.services, ...KINDS.others]) t.ok(tally.reads.get(name)!.hits > 0, `${name} from a cache`)
    t.ok(tally.reads.get('inside a transaction')!.reads > 0, 'some of it inside transactions')
    t.ok(tally.writes.size >= 20, 'writes of every kind')
    t.match(Object.fromEntries(tally.happenings), {
      'SIGKILL of a server': 2 * rounds,
      'SIGKILL right after a commit': 2 * rounds,
      'SIGKILL of all servers': rounds,
      'Redis is back with old data': 3 * rounds,
      FLUSHALL: rounds
    }, 'everything was killed')
    for (const { name, lives } of servers) t.ok(lives.length > 1, `${name} was killed`)
    for (const { name, hits } of lives) t.ok(hits >= IN_USE.life, `${name} answered from a cache`)
    for (const { name, reads, hits } of eras) t.ok(reads > 0 && (hits >= IN_USE.era || name === 'Redis is away'), `so did those with nothing else while ${name}`)
  })
})
