import { versionOf } from '../peers/peer.ts'
import { type Line, us } from '../support/table.ts'
import { median, ratioIn } from '../support/turns.ts'
import { BARE, CONTENDERS, type Contender, type Group, GROUPS, keyOf } from './list.ts'
import type { Course } from './race.ts'
import { packageOf } from './start.ts'

/** A contender and the medians of its figures. */
export interface Result {
  group: Group
  name: string
  by: Contender['by']
  package?: string
  version?: string
  /** Absent where it is not measured. */
  figures?: { hits: number, cpu: number, p50: number, p99: number, ofBare: number }
  target?: number
  met?: boolean
  /** The fastest peer of the same group, and the share of its throughput. */
  ahead?: { of: string, ratio: number }
}

export function resultsOf (courses: Map<string, Course>): Result[] {
  return CONTENDERS.map((contender) => {
    const { group, name, by, target, program } = contender
    const course = courses.get(keyOf(contender))
    const named = packageOf(program)
    const result: Result = { group, name, by, ...named !== undefined && { package: named, version: versionOf(named) ?? 'not installed' } }
    if (course === undefined) return result
    const { hits } = course
    const share = ratioIn(hits, bareOf(contender, courses).hits)
    const [cpu, p50, p99] = [course.cpu, course.p50, course.p99].map(median) as [number, number, number]
    result.figures = { hits: median(hits), cpu, p50, p99, ofBare: share }
    if (target !== undefined) Object.assign(result, { target: target.share, met: share >= target.share })
    const fastest = by === 'ours' ? fastestPeer(group, courses) : undefined
    if (fastest !== undefined) result.ahead = { of: fastest.name, ratio: ratioIn(hits, courses.get(keyOf(fastest))!.hits) }
    return result
  })
}

function bareOf ({ group, target }: Contender, courses: Map<string, Course>): Course {
  const name = target?.of ?? CONTENDERS.find((other) => other.group === group && other.target !== undefined)?.target?.of ?? BARE
  return courses.get(keyOf(CONTENDERS.find((other) => other.by === 'bare' && other.name === name)!))!
}

function fastestPeer (group: Group, courses: Map<string, Course>): Contender | undefined {
  const hits = (contender: Contender) => median(courses.get(keyOf(contender))!.hits)
  return CONTENDERS.filter((other) => other.group === group && other.by === 'peer' && courses.has(keyOf(other)))
    .sort((a, b) => hits(b) - hits(a))[0]
}

export interface RaceLine extends Line { cpu?: string, waited?: string }

export const TITLES = { figure: 'hits/s', cpu: 'CPU a hit', waited: 'p50 / p99 ms', compared: 'of bare', target: 'target', met: 'met' }

/** The results by group, as a table. */
export function linesOf (results: readonly Result[]): Record<string, RaceLine[]> {
  return Object.fromEntries((Object.keys(GROUPS) as Group[]).map((group) => [
    GROUPS[group], results.filter((result) => result.group === group).flatMap(lines)
  ]))
}

function lines ({ name, version, figures, target, met, ahead }: Result): RaceLine[] {
  const what = version === undefined ? name : `${name} ${version}`
  if (figures === undefined) return [{ what, figure: 'not measured: not installed in bench/peers' }]
  const line: RaceLine = {
    what,
    figure: figures.hits.toFixed(0),
    cpu: us(figures.cpu),
    waited: `${figures.p50.toFixed(2)} / ${figures.p99.toFixed(2)}`,
    compared: `${figures.ofBare.toFixed(3)} x`
  }
  if (target !== undefined) Object.assign(line, { target: `>= ${target} x`, met })
  if (ahead === undefined) return [line]
  const { of, ratio } = ahead
  return [line, { what: `  against ${of}, the fastest peer`, figure: '', compared: `${ratio.toFixed(2)} x`, target: '> 1 x', met: ratio > 1 }]
}
