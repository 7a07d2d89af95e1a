/** A value that is here already, or a promise of it. Hits in memory stay free of promises. */
export type MaybePromise<T> = T | Promise<T>

/** Goes on with a value, at once when it is here already. */
export function andThen<T, U> (value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** Runs `work`; `recover` answers for whatever it throws, now or later. */
export function orElse<T, U> (work: () => MaybePromise<T>, recover: (error: unknown) => U): MaybePromise<T | U> {
  try {
    const value = work()
    return value instanceof Promise ? value.catch(recover) : value
  } catch (error) {
    return recover(error)
  }
}
