import { linesOf, resultsOf, TITLES } from './contenders/lines.ts'
import { plot } from './contenders/plot.ts'
import { race } from './contenders/race.ts'
import { hasCores } from './support/cores.ts'
import { hasWrk } from './support/load.ts'
import { startRedis } from './support/redis.ts'
import { writePlot, writeResults } from './support/results.ts'
import { roundsOr } from './support/rounds.ts'
import { tableOf } from './support/table.ts'

/**
 * Hits of one page of 5 KiB: Node and Fastify alone, our page cache on each store, the caches of others as their own
 * documentation sets them up (bench/peers), and the product list of the service. All take turns, over several rounds, each
 * side by side with a route that has no cache; figures and ratios are medians. Takes about eight minutes.
 */

const ROUNDS = 7

process.stderr.write('All contenders in turn …\n')
const redis = await startRedis('--databases', '64')
if (redis === undefined) {
  console.log('The contenders are not measured: there is no redis-server.')
} else {
  try {
    const rounds = roundsOr(ROUNDS)
    const results = resultsOf(await race(redis, rounds))
    console.log(`Hits of a page of 5 KiB, by ${hasWrk ? 'wrk' : 'a loop of our own'}, 32 connections, ${hasCores ? 'server and client on a core each, ' : ''}${rounds} rounds`)
    console.log(tableOf(new Map(Object.entries(linesOf(results))), TITLES))
    writeResults('contenders', { rounds, results })
    const svg = await plot(results)
    if (svg === undefined) process.stderr.write('bench/results.svg is not drawn: echarts is not installed in bench/peers\n')
    else writePlot('results.svg', svg)
  } finally {
    await redis.end()
  }
}
