import { getVersion } from '../peers/peer.ts'
import { type Line, us } from '../support/table.ts'
import { median, getMedianRatio } from '../support/turns.ts'
import { CONTENDERS, type Contender, type Group, GROUPS, getKey } from './list.ts'
import type { Course, Turn } from './race.ts'
import { getPackage } from './start.ts'

/** A contender and the medians of its figures. */
export interface Result {
  group: Group
  name: string
  by: Contender['by']
  stores?: Contender['stores']
  /** Headers of its hits, and `304`. */
  headers?: string[]
  package?: string
  version?: string
  /** Absent if it is not measured. */
  figures?: Turn
  target?: number
  met?: boolean
  /** The fastest peer of the same group, and the ratio of their shares of the bare route's throughput. */
  ahead?: { of: string, ratio: number }
}

export function summarize (courses: ReadonlyMap<string, Course>): Result[] {
  return CONTENDERS.map((contender) => {
    const { group, name, by, stores, target, program } = contender
    const course = courses.get(getKey(contender))
    const named = getPackage(program)
    const result: Result = { group, name, by }
    if (named !== undefined) Object.assign(result, { package: named, version: getVersion(named) ?? 'not installed' })
    if (course === undefined) return result
    if (stores !== undefined) Object.assign(result, { stores, headers: course.headers })
    const typical = (figure: keyof Turn) => median(course.turns.map((turn) => turn[figure]))
    const share = typical('ofBare')
    result.figures = {
      hits: typical('hits'),
      cpu: typical('cpu'),
      p50: typical('p50'),
      p99: typical('p99'),
      ofBare: share,
      ofBareByCpu: typical('ofBareByCpu')
    }
    if (target !== undefined) Object.assign(result, { target: target.share, met: share >= target.share })
    const fastest = by === 'ours' ? fastestPeer(group, courses) : undefined
    if (fastest !== undefined) {
      const ratio = getMedianRatio(shares(contender, courses), shares(fastest, courses))
      result.ahead = { of: fastest.name, ratio }
    }
    return result
  })
}

/** Returns the shares of the bare route's throughput, round by round. */
function shares (contender: Contender, courses: ReadonlyMap<string, Course>): number[] {
  return courses.get(getKey(contender))!.turns.map(({ ofBare }) => ofBare)
}

function fastestPeer (group: Group, courses: ReadonlyMap<string, Course>): Contender | undefined {
  const typical = (contender: Contender) => median(shares(contender, courses))
  return CONTENDERS.filter((other) => other.group === group && other.by === 'peer' && courses.has(getKey(other)))
    .sort((a, b) => typical(b) - typical(a))[0]
}

export interface RaceLine extends Line {
  cpu?: string
  byCpu?: string
  latency?: string
  stores?: string
  headers?: string
}

export const TITLES = {
  figure: 'hits/s',
  cpu: 'CPU per hit',
  latency: 'p50 / p99 ms',
  compared: 'of bare',
  byCpu: 'by CPU',
  target: 'target',
  met: 'met',
  stores: 'stores',
  headers: 'headers'
}

/** Formats the results by group, as lines of a table. */
export function formatResults (results: readonly Result[]): Record<string, RaceLine[]> {
  return Object.fromEntries((Object.keys(GROUPS) as Group[]).map((group) => [
    GROUPS[group], results.filter((result) => result.group === group).flatMap(lines)
  ]))
}

function lines ({ name, version, stores, headers = [], figures, target, met, ahead }: Result): RaceLine[] {
  const what = version === undefined ? name : `${name} ${version}`
  if (figures === undefined) return [{ what, figure: 'not measured: not installed in bench/peers' }]
  const line: RaceLine = {
    what,
    figure: figures.hits.toFixed(0),
    cpu: us(figures.cpu),
    latency: `${figures.p50.toFixed(2)} / ${figures.p99.toFixed(2)}`,
    compared: `${figures.ofBare.toFixed(3)} x`,
    byCpu: `${figures.ofBareByCpu.toFixed(3)} x`
  }
  if (stores !== undefined) Object.assign(line, { stores, headers: headers.length === 0 ? 'none' : headers.join(', ') })
  if (target !== undefined) Object.assign(line, { target: `>= ${target} x`, met })
  if (ahead === undefined) return [line]
  const { of, ratio } = ahead
  const compared = `${ratio.toFixed(2)} x`
  return [line, { what: `  against ${of}, the fastest peer`, figure: '', compared, target: '> 1 x', met: ratio > 1 }]
}
