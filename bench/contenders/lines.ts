import { versionOf } from '../peers/peer.ts'
import { type Line, us } from '../support/table.ts'
import { median, ratioIn } from '../support/turns.ts'
import { CONTENDERS, type Contender, type Group, GROUPS, keyOf } from './list.ts'
import type { Course, Turn } from './race.ts'
import { packageOf } from './start.ts'

/** A contender and the medians of its figures. */
export interface Result {
  group: Group
  name: string
  by: Contender['by']
  keeps?: Contender['keeps']
  /** What its hits tell clients beside the page. */
  tells?: string[]
  package?: string
  version?: string
  /** Absent where it is not measured. */
  figures?: Turn
  target?: number
  met?: boolean
  /** The fastest peer of the same group, and the ratio of what is left of the bare route's throughput. */
  ahead?: { of: string, ratio: number }
}

export function resultsOf (courses: ReadonlyMap<string, Course>): Result[] {
  return CONTENDERS.map((contender) => {
    const { group, name, by, keeps, target, program } = contender
    const course = courses.get(keyOf(contender))
    const named = packageOf(program)
    const result: Result = { group, name, by, ...named !== undefined && { package: named, version: versionOf(named) ?? 'not installed' } }
    if (course === undefined) return result
    if (keeps !== undefined) Object.assign(result, { keeps, tells: course.tells })
    const typical = (figure: keyof Turn) => median(course.turns.map((turn) => turn[figure]))
    const share = typical('ofBare')
    result.figures = { hits: typical('hits'), cpu: typical('cpu'), p50: typical('p50'), p99: typical('p99'), ofBare: share, ofBareByCpu: typical('ofBareByCpu') }
    if (target !== undefined) Object.assign(result, { target: target.share, met: share >= target.share })
    const fastest = by === 'ours' ? fastestPeer(group, courses) : undefined
    if (fastest !== undefined) result.ahead = { of: fastest.name, ratio: ratioIn(shares(contender, courses), shares(fastest, courses)) }
    return result
  })
}

/** Of the bare route's throughput, in each round. */
function shares (contender: Contender, courses: ReadonlyMap<string, Course>): number[] {
  return courses.get(keyOf(contender))!.turns.map(({ ofBare }) => ofBare)
}

function fastestPeer (group: Group, courses: ReadonlyMap<string, Course>): Contender | undefined {
  const typical = (contender: Contender) => median(shares(contender, courses))
  return CONTENDERS.filter((other) => other.group === group && other.by === 'peer' && courses.has(keyOf(other)))
    .sort((a, b) => typical(b) - typical(a))[0]
}

export interface RaceLine extends Line { cpu?: string, byCpu?: string, waited?: string, keeps?: string, tells?: string }

export const TITLES = { figure: 'hits/s', cpu: 'CPU a hit', waited: 'p50 / p99 ms', compared: 'of bare', byCpu: 'by CPU', target: 'target', met: 'met', keeps: 'keeps', tells: 'tells clients' }

/** The results by group, as a table. */
export function linesOf (results: readonly Result[]): Record<string, RaceLine[]> {
  return Object.fromEntries((Object.keys(GROUPS) as Group[]).map((group) => [
    GROUPS[group], results.filter((result) => result.group === group).flatMap(lines)
  ]))
}

function lines ({ name, version, keeps, tells = [], figures, target, met, ahead }: Result): RaceLine[] {
  const what = version === undefined ? name : `${name} ${version}`
  if (figures === undefined) return [{ what, figure: 'not measured: not installed in bench/peers' }]
  const line: RaceLine = {
    what,
    figure: figures.hits.toFixed(0),
    cpu: us(figures.cpu),
    waited: `${figures.p50.toFixed(2)} / ${figures.p99.toFixed(2)}`,
    compared: `${figures.ofBare.toFixed(3)} x`,
    byCpu: `${figures.ofBareByCpu.toFixed(3)} x`
  }
  if (keeps !== undefined) Object.assign(line, { keeps, tells: tells.length === 0 ? 'nothing' : tells.join(', ') })
  if (target !== undefined) Object.assign(line, { target: `>= ${target} x`, met })
  if (ahead === undefined) return [line]
  const { of, ratio } = ahead
  return [line, { what: `  against ${of}, the fastest peer`, figure: '', compared: `${ratio.toFixed(2)} x`, target: '> 1 x', met: ratio > 1 }]
}
