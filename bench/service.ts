import { serviceHits, TITLES } from './service/hits.ts'
import { hasCores } from './support/cores.ts'
import { hasWrk } from './support/load.ts'
import { startRedis } from './support/redis.ts'
import { writeResults } from './support/results.ts'
import { getRounds } from './support/rounds.ts'
import { formatTable } from './support/table.ts'

/*
 * Measures hits of the service as people run it, with all its plugins and its log, each beside a bare route of Fastify
 * that sends the same bytes and logs nothing. Takes about three minutes.
 */

const ROUNDS = 7

const redis = await startRedis()
try {
  const rounds = getRounds(ROUNDS)
  const sections = await serviceHits(rounds, redis?.url)
  const client = hasWrk ? 'wrk' : 'our own loop'
  const cores = hasCores ? 'server and client on a core each, ' : ''
  console.log(`Hits of the service, by ${client}, ${cores}${rounds} rounds`)
  console.log(formatTable(sections, TITLES))
  writeResults('service', { rounds, results: Object.fromEntries(sections) })
} finally {
  await redis?.end()
}
