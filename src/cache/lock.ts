import { setTimeout as sleep } from 'node:timers/promises'
import { LockLostError, LockTimeoutError, OptionError } from './errors.ts'
import type { LockOptions } from './options.ts'
import type { LockStore } from './stores/store.ts'
import type { Lock } from './types.ts'
import { toTimerMs } from './util/timer.ts'
import { checkDuration, checkNames, checkOptions } from './util/validate.ts'

const OPTIONS = new Set<keyof LockOptions>(['ttl', 'wait'])
/** Milliseconds between attempts to acquire a lock: doubled each time, up to the longest. */
const FIRST_RETRY_MS = 10
const LONGEST_RETRY_MS = 200

/** The options of `lock`, in milliseconds. */
export interface ResolvedLockOptions {
  readonly ttlMs: number
  readonly waitMs: number
}

export function resolveLockOptions (options: LockOptions): ResolvedLockOptions {
  checkOptions(options)
  checkNames('lock()', options, OPTIONS)
  const { ttl = 10, wait = 10 } = options
  const seconds = checkDuration('ttl', ttl)
  if (seconds === 0) throw new OptionError('The value of ttl must be more than zero, but is 0.')
  return { ttlMs: toTimerMs(Math.ceil(seconds * 1000)), waitMs: checkDuration('wait', wait) * 1000 }
}

/**
 * Runs `work` while it holds a lock, see `Cache.lock`.
 *
 * @param onError gets errors of the store that do not fail the caller
 */
export async function runLocked<T> (
  locks: LockStore, key: string, options: ResolvedLockOptions, work: (lock: Lock) => T | Promise<T>,
  onError: (error: unknown) => void
): Promise<T> {
  const requestedAt = performance.now()
  const token = await acquire(locks, key, options)
  const holder = holdLock(locks, key, token, options.ttlMs, performance.now() - requestedAt)
  try {
    return await work({ token, signal: holder.signal })
  } finally {
    holder.end()
    try {
      await locks.release(key, token)
    } catch (error) {
      onError(error) // it ends by itself
    }
  }
}

async function acquire (locks: LockStore, key: string, { ttlMs, waitMs }: ResolvedLockOptions): Promise<number> {
  const deadline = performance.now() + waitMs
  let retryMs = FIRST_RETRY_MS
  let token: number | undefined
  while ((token = await locks.acquire(key, ttlMs)) === undefined) {
    const leftMs = deadline - performance.now()
    if (leftMs <= 0) throw new LockTimeoutError(JSON.stringify(key), waitMs / 1000)
    // At random, so that those who wait do not all try together.
    await sleep(Math.min(retryMs * (0.5 + Math.random() / 2), leftMs))
    retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
  }
  return token
}

/** Renews a lock until `end`. The signal is aborted as soon as the lock may have ended. */
function holdLock (locks: LockStore, key: string, token: number, ttlMs: number, ageMs: number) {
  const controller = new AbortController()
  let endTimer = setTimeout(lose, Math.max(0, ttlMs - ageMs))
  const renewTimer = setInterval(renew, ttlMs / 3)

  function end (): void {
    clearTimeout(endTimer)
    clearInterval(renewTimer)
  }

  function lose (): void {
    end()
    controller.abort(new LockLostError(JSON.stringify(key)))
  }

  async function renew (): Promise<void> {
    const sentAt = performance.now()
    try {
      const isHeld = await locks.renew(key, token, ttlMs)
      if (controller.signal.aborted) return
      if (!isHeld) return lose()
      clearTimeout(endTimer)
      endTimer = setTimeout(lose, Math.max(0, sentAt + ttlMs - performance.now()))
    } catch {} // the next attempt may succeed before the lock ends
  }

  return { signal: controller.signal, end }
}
