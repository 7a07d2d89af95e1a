import type { LoadContext } from '../../src/cache/index.ts'

export interface DeferredLoader<T> {
  load: (context: LoadContext) => Promise<T>
  /** Resolves when the loader runs. */
  began: Promise<void>
  end (value: T): void
  fail (error: Error): void
  /** How often it ran. */
  runs: () => number
}

/** A loader that reports when it begins, and that ends when the test says so. */
export function deferredLoader<T = unknown> (onBegin?: (context: LoadContext) => void): DeferredLoader<T> {
  const began = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<T>()
  ended.promise.catch(() => {}) // it may fail before it runs
  let runs = 0
  return {
    load (context) {
      runs++
      onBegin?.(context)
      began.resolve()
      return ended.promise
    },
    began: began.promise,
    end: ended.resolve,
    fail: ended.reject,
    runs: () => runs
  }
}
