import type { Test } from 'tap'
import { untilIn } from '../support/until.ts'
import { AVAILABLE, UNAVAILABLE } from './log.ts'
import type { Service } from './service.ts'
import { median, type TrafficGenerator } from './traffic-generator.ts'

/**
 * Milliseconds that a request may take longer than with a healthy Redis. A request that waits for Redis waits for two
 * commands of 50 ms each: the lookup, and the store or the deletion. The rest allows for a slow machine under load.
 */
export const MAX_EXTRA_MS = 1_000
/** The same for half of the requests once the circuit is open: they do not wait for Redis at all. */
export const MAX_MEDIAN_MS = 20
/** Milliseconds until the circuit opens, for a client that sends requests one after another. */
const DETECTION_MS = 3_000
/** Milliseconds from the end of a fault until Redis is in use again. */
export const RECOVERY_MS = 8_000

export const LIST_KEY = 'larder:product_objects'

export interface Trial {
  name: string
  inject (): unknown
  /** Ends the fault. Absent if it ends by itself. */
  recover?: (() => unknown) | undefined
  /** Runs between requests until the fault has ended. */
  meanwhile?: (() => unknown) | undefined
  /**
   * The log lines about it: `both` is one when the circuit opens and one when it closes; `none`, since Redis still
   * answers; `either`, since a lost connection may be replaced before any request needs it.
   */
  logs: 'both' | 'none' | 'either'
  /** How often to repeat the reads of each phase. */
  rounds: number
}

/** The application that has to survive it. */
export interface Subject extends Pick<Service, 'log'> {
  traffic: TrafficGenerator
  /** Whether responses come from Redis. */
  usesRedis (): Promise<boolean>
}

/** Sends traffic to a service before a fault, before and after the service has detected it, and after it has ended. */
export async function surviveFault (t: Test, { log, traffic, usesRedis }: Subject, trial: Trial): Promise<void> {
  const { name, inject, recover, meanwhile, logs, rounds } = trial
  await traffic.writeAll()
  for (let i = 0; i < rounds; i++) await traffic.readAll()
  t.ok(await usesRedis(), 'Redis is in use')
  t.same(log.changes, [], 'nothing is logged')

  traffic.phase = 'undetected'
  await inject()
  let attempts = 0
  const detectionMs = await untilIn('the log says that Redis is unavailable', DETECTION_MS, async () => {
    await meanwhile?.()
    await traffic.readAll()
    await traffic.write()
    await traffic.burst()
    return log.changes.includes(UNAVAILABLE) || (logs !== 'both' && ++attempts > 3)
  })

  if (log.changes.length === 1) traffic.phase = 'unavailable'
  for (let i = 0; i < rounds; i++) {
    await meanwhile?.()
    await traffic.readAll()
  }
  await traffic.writeAll()
  await traffic.burst()

  traffic.phase = 'recovered'
  await recover?.()
  const recoveryMs = await untilIn('Redis is in use again', RECOVERY_MS, async () => {
    await traffic.readHtml()
    return await usesRedis()
  })
  await traffic.writeAll()
  await traffic.burst()
  // On a busy machine a command may miss its deadline, so that the entry of this load is not stored in Redis.
  await untilIn('Redis is in use after more changes', RECOVERY_MS, usesRedis)

  const unavailable = traffic.extraMs('unavailable')
  t.comment([
    name,
    `undetected: at most ${formatMs(traffic.extraMs('undetected').at(-1))} more`,
    `unavailable: median ${formatMs(median(unavailable))}, at most ${formatMs(unavailable.at(-1))}`,
    `recovered: at most ${formatMs(traffic.extraMs('recovered').at(-1))}`,
    log.changes.includes(UNAVAILABLE) ? `detected after ${formatMs(detectionMs)}` : 'not detected',
    `in use again after ${formatMs(recoveryMs)}`,
    `${log.changes.length} lines`,
    ...log.reasons
  ].join(' | '))
  t.same(traffic.errors.slice(0, 5), [], 'every response is right')
  for (const phase of ['undetected', 'unavailable', 'recovered'] as const) {
    const slowest = traffic.extraMs(phase).at(-1) ?? 0
    t.ok(slowest < MAX_EXTRA_MS, `no response takes long: ${phase}: ${traffic.slowest(phase)}`)
  }
  if (unavailable.length > 0) {
    t.ok(median(unavailable) < MAX_MEDIAN_MS, `no waiting while the circuit is open: ${formatMs(median(unavailable))}`)
  }
  t.same(log.warnings, [], 'no other warning is logged')
  expectLogs(t, log.changes, logs)
}

function expectLogs (t: Test, changes: string[], logs: Trial['logs']): void {
  const both = [UNAVAILABLE, AVAILABLE]
  if (logs === 'both') t.same(changes, both, 'one line per change')
  else if (logs === 'none' || changes.length === 0) t.same(changes, [], 'no line')
  else t.same(changes, both, 'one line per change')
}

export function formatMs (number: number | undefined): string {
  return number === undefined || Number.isNaN(number) ? '-' : `${number.toFixed(1)} ms`
}
