import type { Entry, Retry } from '../entry/entry.ts'
import { MAX_SKEW_MS } from '../util/clock.ts'

/** Seconds after its freshness lifetime for which a stale value may be served. */
export interface StaleWindows {
  /** At once, while a load in the background refreshes it. */
  readonly staleWhileRevalidate?: number | undefined
  /** In place of a load that fails or takes too long. */
  readonly staleIfError?: number | undefined
}

/** Seconds until the next attempt after a load that failed, doubled with each further failure. */
const FIRST_RETRY = 1
const LONGEST_RETRY = 60
/** How early an entry may be refreshed, in multiples of its load time. The chance before that is one in 20,000. */
const LONGEST_LEAD = 10

/**
 * Whether an entry was stored later than now. Then a clock was set back, and the entry would live too long.
 *
 * @param now in milliseconds since 1970
 */
export function isFromFuture ({ storedAt }: Entry, now: number): boolean {
  return storedAt > now + MAX_SKEW_MS
}

/** Whether a stale entry may be served for so many seconds after its freshness lifetime. */
export function mayServeStale (stale: Entry | undefined, seconds: number | undefined, now: number): stale is Entry {
  return stale !== undefined && seconds !== undefined && now < stale.freshUntil + seconds * 1000
}

/**
 * Whether a stale entry is to be served at once: the options allow it, or it is too early for another attempt to
 * load.
 */
export function servesStaleAtOnce (stale: Entry | undefined, windows: StaleWindows, now: number): stale is Entry {
  return mayServeStale(stale, windows.staleWhileRevalidate, now) ||
    (mayServeStale(stale, windows.staleIfError, now) && !mayRefresh(stale, now))
}

/** Whether a load may be attempted: none has failed for this entry, or the last failure is long enough ago. */
export function mayRefresh ({ retry }: Entry, now: number): boolean {
  // A time that is further ahead than any retry means that the clock was set back.
  return retry === undefined || now >= retry.at || retry.at > now + LONGEST_RETRY * 1000
}

/** When to try again after another load for this entry has failed. */
export function nextRetry ({ retry }: Entry, now: number): Retry {
  const failures = (retry?.failures ?? 0) + 1
  return { failures, at: now + Math.min(FIRST_RETRY * 2 ** (failures - 1), LONGEST_RETRY) * 1000 }
}

/**
 * Whether a fresh entry is to be refreshed before it expires: XFetch, by Vattani, Chierichetti and Lowenstein, 2015.
 *
 * @param random from 0 to less than 1
 */
export function shouldRefreshEarly (entry: Entry, now: number, random: () => number): boolean {
  const { loadMs, freshUntil } = entry
  const left = freshUntil - now
  if (loadMs === undefined || left > LONGEST_LEAD * loadMs) return false
  return -Math.log(random()) * loadMs >= left && mayRefresh(entry, now)
}
