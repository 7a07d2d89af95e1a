import type { Test } from 'tap'
import { COME, GONE } from './log.ts'
import { median, type Patrol } from './patrol.ts'
import type { Service } from './service.ts'
import { untilIn } from '../support/until.ts'

/**
 * Milliseconds that no request may take beyond what it takes with Redis. One that waits for Redis waits for two commands
 * of 50 ms each: the look-up, and what it keeps or forgets. The rest is for a slow machine under load.
 */
export const MOST_MS = 1_000
/** The same for half of the requests, once Redis is known to be away: they do not wait for it at all. */
export const MEDIAN_MS = 20
/** Milliseconds until it is known to be away, for who sends requests one after another. */
const DETECTION_MS = 3_000
/** Milliseconds from its return until it is in use again. */
export const RECOVERY_MS = 8_000

/** Rounds of requests in each phase. */
const ROUNDS = 10

export const LIST_KEY = 'larder:product_objects'

export interface Trial {
  name: string
  strike (): unknown
  /** Absent where it passes by itself. */
  heal?: (() => unknown) | undefined
  /** What goes on until it is healed, between requests. */
  meanwhile?: (() => unknown) | undefined
  /**
   * What the log says of it: a line when Redis goes and one when it comes back; nothing, since Redis is there and answers;
   * or either, since a connection that is lost may be found again before anybody asks.
   */
  told: 'both' | 'nothing' | 'either'
}

/** Who has to live through it. */
export interface Subject extends Pick<Service, 'log'> {
  patrol: Patrol
  /** Whether answers come from Redis. */
  isInUse (): Promise<boolean>
}

/** Has a service live through a fault: before it, while nobody knows of it, when it is known, and when it is over. */
export async function endure (t: Test, { log, patrol, isInUse }: Subject, { name, strike, heal, meanwhile, told }: Trial): Promise<void> {
  await patrol.changes()
  for (let i = 0; i < ROUNDS; i++) await patrol.round()
  t.ok(await isInUse(), 'Redis is in use')
  t.same(log.changes, [], 'nothing to tell')

  patrol.phase = 'struck'
  await strike()
  let rounds = 0
  const detection = await untilIn('told that Redis is away', DETECTION_MS, async () => {
    await meanwhile?.()
    await patrol.round()
    await patrol.change()
    await patrol.crowd()
    return log.changes.includes(GONE) || (told !== 'both' && ++rounds > 3)
  })

  if (log.changes.length === 1) patrol.phase = 'away'
  for (let i = 0; i < ROUNDS; i++) {
    await meanwhile?.()
    await patrol.round()
  }
  await patrol.changes()
  await patrol.crowd()

  patrol.phase = 'healed'
  await heal?.()
  const recovery = await untilIn('Redis is in use again', RECOVERY_MS, async () => {
    await patrol.page()
    return await isInUse()
  })
  await patrol.changes()
  await patrol.crowd()
  t.ok(await isInUse(), 'Redis is in use again')

  const [struck, away, healed] = [patrol.extra('struck'), patrol.extra('away'), patrol.extra('healed')]
  t.comment([
    name, `at first at most ${ms(struck.at(-1))} more`, `then ${ms(median(away))}, at most ${ms(away.at(-1))}`, `at last at most ${ms(healed.at(-1))}`,
    log.changes.includes(GONE) ? `noticed after ${ms(detection)}` : 'not noticed', `in use again after ${ms(recovery)}`, `${log.changes.length} lines`, ...log.reasons
  ].join(' | '))
  t.same(patrol.wrong.slice(0, 5), [], 'every answer is right')
  for (const phase of ['struck', 'away', 'healed'] as const) {
    t.ok((patrol.extra(phase).at(-1) ?? 0) < MOST_MS, `no answer takes long: ${phase}: ${patrol.slowest(phase)}`)
  }
  if (away.length > 0) t.ok(median(away) < MEDIAN_MS, `nobody waits for a Redis that is known to be away: ${ms(median(away))}`)
  t.same(log.complaints, [], 'nothing else is worth a line')
  const both = [GONE, COME]
  if (told === 'either') t.ok([[], both].some((lines) => String(lines) === String(log.changes)), `one line a change: ${log.changes.join()}`)
  else t.same(log.changes, told === 'both' ? both : [], 'one line a change')
}

export function ms (number: number | undefined): string {
  return number === undefined || Number.isNaN(number) ? '-' : `${number.toFixed(1)} ms`
}
