import { formatResults, summarize, TITLES } from './contenders/lines.ts'
import { plot } from './contenders/plot.ts'
import { race } from './contenders/race.ts'
import { hasCores } from './support/cores.ts'
import { hasWrk } from './support/load.ts'
import { startRedis } from './support/redis.ts'
import { writePlot, writeResults } from './support/results.ts'
import { getRounds } from './support/rounds.ts'
import { formatTable } from './support/table.ts'

/*
 * Measures hits of one page of 5 KiB: Node and Fastify alone, our page cache on each store, other caches as their own
 * documentation sets them up (bench/peers), and the product list of the service.
 *
 * All take turns, over several rounds, each beside a route without a cache. Figures and ratios are medians. Takes about
 * eight minutes.
 */

const ROUNDS = 7

process.stderr.write('All contenders take turns …\n')
const redis = await startRedis('--databases', '64')
if (redis === undefined) {
  console.log('The contenders are not measured: redis-server is not installed.')
} else {
  try {
    const rounds = getRounds(ROUNDS)
    const results = summarize(await race(redis, rounds))
    const client = hasWrk ? 'wrk' : 'our own loop'
    const cores = hasCores ? 'server and client on a core each, ' : ''
    console.log(`Hits of a page of 5 KiB, by ${client}, 32 connections, ${cores}${rounds} rounds`)
    console.log(formatTable(new Map(Object.entries(formatResults(results))), TITLES))
    writeResults('contenders', { rounds, results })
    const svg = await plot(results)
    writePlot('results.svg', svg)
  } finally {
    await redis.end()
  }
}
