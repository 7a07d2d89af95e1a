import { TransactionTimeoutError } from '../errors.ts'

/** Rejects with a 503 error if the work of a transaction takes too long. @param ms that it may take */
export async function withDeadline<T> (work: Promise<T>, ms: number): Promise<T> {
  const deadline = Promise.withResolvers<never>()
  const timer = setTimeout(() => deadline.reject(new TransactionTimeoutError(ms / 1000)), ms)
  try {
    return await Promise.race([work, deadline.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Runs all callbacks one after another, and then throws the first error, if any. */
export async function runAll (callbacks: ReadonlyArray<() => unknown>): Promise<void> {
  const errors: unknown[] = []
  for (const callback of callbacks) {
    try {
      await callback()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
