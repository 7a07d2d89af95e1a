import { createError } from '@fastify/error'

/* Every error that the cache throws, with a code that stays the same. */

/** An option is unknown, or its value is invalid. */
export const OptionError = createError<[string]>('FST_ERR_LARDER_OPTION', '%s', 500, TypeError)

/** Another argument of a call is invalid, e.g. a key or a tag. */
export const ArgumentError = createError<[string]>('FST_ERR_LARDER_ARGUMENT', '%s', 500, TypeError)

/** No reader would get a value back as it is. */
export const ValueError = createError<[string]>('FST_ERR_LARDER_VALUE', '%s', 500, TypeError)

/** `increment` found a value that is not an integer, or the sum is not a safe one. */
export const IntegerError = createError<[key: string]>(
  'FST_ERR_LARDER_INTEGER', 'cannot increment %s: its value is not a safe integer', 500, TypeError)

/** A load took longer than the `timeout` of its caller. It goes on, and its result is stored. */
export const LoadTimeoutError = createError<[key: string, seconds: number]>(
  'FST_ERR_LARDER_LOAD_TIMEOUT', 'the load of %s took longer than %s s')

/** Another process has just failed to load the same key, so this one does not try at once. */
export const LoadFailedError = createError<[key: string]>(
  'FST_ERR_LARDER_LOAD_FAILED', 'another process has just failed to load %s')

/** Another caller has held a lock for as long as this one waits. */
export const LockTimeoutError = createError<[key: string, seconds: number]>(
  'FST_ERR_LARDER_LOCK_TIMEOUT', 'another caller has held the lock %s for longer than %s s')

/** A lock could not be renewed in time, so that another caller may hold it. */
export const LockLostError = createError<[key: string]>(
  'FST_ERR_LARDER_LOCK_LOST', 'the lock %s could not be renewed in time')

/** A command missed its deadline, or was not sent because the circuit is open. */
export const RedisUnavailableError = createError<[string]>('FST_ERR_LARDER_REDIS_UNAVAILABLE', '%s')
