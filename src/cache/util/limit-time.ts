import { toTimerMs } from './timer.ts'

/** Returns the result of a promise. Rejects with `message` if it is not settled within `ms` milliseconds. */
export async function limitTime<T> (promise: Promise<T>, ms: number, message: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(message)), toTimerMs(ms))
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
