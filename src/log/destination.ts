import { destination } from 'pino'

/** Characters that wait while stdout accepts none. More lines than these are dropped, so that memory is bounded. */
const MAX_WAITING = 16 * 1024 * 1024

/**
 * Writes lines to a file descriptor without blocking the event loop. A line is written at once; those that follow while
 * it is being written are written together. What waits when the process ends is written then, also after an error.
 */
export function createDestination (fd: number) {
  return destination({ fd, sync: false, minLength: 0, maxLength: MAX_WAITING })
}
