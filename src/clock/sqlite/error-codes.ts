/** Whether an error says that the file is read-only. */
export function isReadOnlyError (error: unknown): boolean {
  return hasCode(error, 'SQLITE_READONLY')
}

/** Whether an error says that the disk is full, or that the file has reached its limit. */
export function isFullError (error: unknown): boolean {
  return hasCode(error, 'SQLITE_FULL')
}

/** Whether an error says that another connection holds a lock. */
export function isBusyError (error: unknown): boolean {
  return hasCode(error, 'SQLITE_BUSY')
}

/**
 * Whether an error, or the one that Drizzle has wrapped in it, has a code that begins like this. Its class may be that
 * of another copy of the driver.
 */
function hasCode (error: unknown, prefix: string): boolean {
  const { cause = error } = Object(error) as { cause?: unknown }
  const { code } = Object(cause) as { code?: unknown }
  return typeof code === 'string' && code.startsWith(prefix)
}
