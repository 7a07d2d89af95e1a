import { isBusyError } from './error-codes.ts'

/** Milliseconds between two attempts to lock the file. */
export const RETRY_MS = 5

/** Runs a statement that needs a lock. Returns false if another connection holds it. */
export function tryLock (statement: () => unknown): boolean {
  try {
    statement()
  } catch (error) {
    if (isBusyError(error)) return false
    throw error
  }
  return true
}
