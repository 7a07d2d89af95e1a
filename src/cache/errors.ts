/** A load took longer than the `timeout` of its caller. It goes on, and its result is stored. */
export class LoadTimeoutError extends Error {
  readonly code = 'LARDER_LOAD_TIMEOUT'
  override readonly name = 'LoadTimeoutError'

  constructor (key: string, seconds: number) {
    super(`the load of ${JSON.stringify(key)} took longer than ${seconds} s`)
  }
}

/** Thrown when a command misses its deadline, or immediately while the circuit is open. */
export class RedisUnavailableError extends Error {
  readonly code = 'LARDER_REDIS_UNAVAILABLE'
  override readonly name = 'RedisUnavailableError'
}
