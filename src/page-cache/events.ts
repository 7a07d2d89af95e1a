import { channel } from 'node:diagnostics_channel'
import type { CacheAdapter } from '../cache/index.ts'
import type { CacheStatus } from './http/cache-status.ts'

/** What the page cache publishes about each response to a client, on the diagnostics channel `larder:page`. */
export interface PageEvent {
  cache: CacheAdapter
  /** The pattern of the route, never the URL. */
  route: string
  status: CacheStatus
  /** Milliseconds from the request to the response. */
  ms: number
  /** Size of the body of the stored response that was served, even if only a part of it is sent. */
  bytes?: number | undefined
  /** Milliseconds that this response took to produce. */
  loadMs?: number | undefined
  /** Whether the stored response has no tags, because no read of the database was tracked. */
  untagged?: boolean
}

export const PAGE_CHANNEL = 'larder:page'

/** Check `hasSubscribers` first: without subscribers, publishing costs nothing, but building the event does. */
export const pageEvents = channel(PAGE_CHANNEL)
