import type { Larder, Purge } from '../page-cache/index.ts'
import { CacheUnavailableError, PurgeError } from './errors.ts'

/** Purges what the body of a request describes, and returns how many entries there were. */
export async function purgeFor (body: unknown, purge: Larder['purge']): Promise<{ purged: number }> {
  try {
    return { purged: await purge(body as Purge) }
  } catch (error) {
    throw error instanceof TypeError ? new PurgeError(error.message) : new CacheUnavailableError()
  }
}
