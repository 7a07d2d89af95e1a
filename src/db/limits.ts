import { inspect } from 'node:util'
import { toTimerMs } from '../cache/index.ts'
import type { StateListener } from './database.ts'

export interface DatabaseLimits {
  /** Milliseconds to wait for another transaction or another program that has locked the file. Default 5,000. */
  lockWaitMs?: number
  /** Milliseconds that a transaction may take. Default 30,000. */
  transactionMs?: number
  /** Milliseconds that a statement outside of transactions may take, with the wait for its turn. Default 5,000. */
  readMs?: number
  /** The number of connections to PostgreSQL. Default 10. */
  poolSize?: number
  /** Called when the file becomes read-only or lost, also if it is read-only at first, and when it has recovered. */
  onStateChange?: StateListener
  /** Called with a sentence for the log, e.g. when all entries become invalid, at most once a minute for each kind. */
  onWarning?: (message: string) => void
}

const LOCK_WAIT_MS = 5_000
const TRANSACTION_MS = 30_000
const READ_MS = 5_000

/** Resolves the limits of a database. Longer ones than a timer of Node, e.g. Infinity, count as the longest timer. */
export function resolveLimits (
  { lockWaitMs = LOCK_WAIT_MS, transactionMs = TRANSACTION_MS, readMs = READ_MS }: DatabaseLimits
): { lockWaitMs: number, transactionMs: number, readMs: number } {
  return {
    lockWaitMs: checkMs('lockWaitMs', lockWaitMs),
    transactionMs: checkMs('transactionMs', transactionMs),
    readMs: checkMs('readMs', readMs)
  }
}

function checkMs (name: string, ms: unknown): number {
  if (typeof ms === 'number' && ms >= 0) return Math.ceil(toTimerMs(ms))
  throw new TypeError(`${name} must be a number of milliseconds, zero or more, but is ${inspect(ms)}.`)
}
