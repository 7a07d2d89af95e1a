import type { Trouble } from './error-translation.ts'

export type { Trouble } from './error-translation.ts'

const SENTENCES: Readonly<Record<Trouble, (place: string, reason: string) => string>> = {
  unavailable: (place, reason) =>
    `${place} does not respond (${reason}). What depends on it is not served until it does.`,
  connections: (place, reason) =>
    `${place} accepts no more connections (${reason}). Raise max_connections, or lower DATABASE_POOL or WORKERS.`,
  readOnly: (place) =>
    `${place} is read-only, so only reads are served. It is a standby, or default_transaction_read_only is on.`,
  full: (place, reason) =>
    `There is no space for ${place} (${reason}), so changes are refused. Free some space on its disk.`
}

/**
 * Returns a sentence for the log.
 *
 * @param place the URL of the server without its password
 * @param reason the message of the error
 */
export function describeTrouble (kind: Trouble, place: string, reason: string): string {
  return SENTENCES[kind](`the PostgreSQL at ${place} (DATABASE_URL)`, reason).replace(/^the/, 'The')
}
