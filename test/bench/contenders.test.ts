import t from 'tap'
import { formatResults, summarize, TITLES } from '../../bench/contenders/lines.ts'
import { findBare, CONTENDERS, getKey } from '../../bench/contenders/list.ts'
import type { Turn } from '../../bench/contenders/race.ts'
import { formatTable } from '../../bench/support/table.ts'

/** Creates courses with these shares, round by round. All others have a share of 1. */
function courses (shares: Record<string, number[]>) {
  const rounds = 3
  const turn = (ofBare: number): Turn => {
    return { hits: ofBare * 10_000, cpu: 50 / ofBare, p50: 1, p99: 2, ofBare, ofBareByCpu: ofBare }
  }
  return new Map(CONTENDERS.map((contender) => {
    const key = getKey(contender)
    const usual = contender.by === 'peer' ? 0.5 : 1
    const turns = Array.from({ length: rounds }, (_, round) => turn(shares[key]?.[round] ?? usual))
    return [key, { headers: contender.by === 'ours' ? ['ETag', '304'] : [], turns }]
  }))
}

t.test('each contender is compared with a route without a cache', async (t) => {
  for (const contender of CONTENDERS) t.equal(findBare(contender).by, 'bare', getKey(contender))
  t.equal(new Set(CONTENDERS.map(getKey)).size, CONTENDERS.length, 'no two have the same name')
  t.equal(findBare(CONTENDERS.find(({ group, by }) => group === 'redis' && by === 'peer')!).name, 'Fastify, one GET')
  t.equal(findBare(CONTENDERS.find(({ group, by }) => group === 'tiered' && by === 'peer')!).name, 'Fastify, a string')
})

t.test('results have medians, targets and the fastest peer', async (t) => {
  const results = summarize(courses({
    'memory: Larder': [0.9, 0.2, 0.96],
    'tiered: Larder': [0.96, 0.1, 0.97],
    'memory: bentocache': [0.6, 0.1, 0.8]
  }))
  const of = (group: string, name: string) => results.find((result) => result.group === group && result.name === name)!
  t.match(of('memory', 'Larder'), {
    figures: { ofBare: 0.9, hits: 9_000 },
    target: 0.95,
    met: false,
    ahead: { of: 'bentocache' }
  })
  // The median of the ratios 1.5, 2 and 1.2 of the rounds, not the ratio of the medians.
  t.ok(Math.abs(of('memory', 'Larder').ahead!.ratio - 1.5) < 1e-9)
  t.match(of('tiered', 'Larder'), { figures: { ofBare: 0.96 }, met: true })
  t.equal(of('memory', 'bentocache').target, undefined)
})

t.test('the table lists what is stored, headers, and contenders that are not measured', async (t) => {
  const measured = courses({})
  measured.delete('memory: cacheable')
  const table = formatTable(new Map(Object.entries(formatResults(summarize(measured)))), TITLES)
  const figures = '+10000 +50\\.00 µs +1\\.00 / 2\\.00 +1\\.000 x +1\\.000 x'
  t.match(table, new RegExp(`^ {2}Larder ${figures} +>= 0\\.95 x +yes +responses +ETag, 304$`, 'm'))
  t.match(table, /^ {2}bentocache .* 0\.500 x +0\.500 x +values +none$/m)
  t.match(table, /^ {2}cacheable .*not measured/m)
  t.match(table, /^ {4}against \S.*, the fastest peer +2\.00 x +> 1 x +yes$/m)
})
