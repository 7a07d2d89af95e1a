/** A value that is available at once, or a promise of it. So hits in memory need no promise. */
export type MaybePromise<T> = T | Promise<T>

/** Continues with a value: at once if it is available, else when its promise fulfils. */
export function andThen<T, U> (value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** Returns the result of `work`, or that of `recover` if `work` throws or rejects. */
export function orElse<T, U> (
  work: () => MaybePromise<T>, recover: (error: unknown) => MaybePromise<U>
): MaybePromise<T | U> {
  try {
    const value = work()
    return value instanceof Promise ? value.catch(recover) : value
  } catch (error) {
    return recover(error)
  }
}
