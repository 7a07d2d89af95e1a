import { channel } from 'node:diagnostics_channel'
import type { Cache } from '../cache/index.ts'
import type { CacheStatus } from './http/cache-status.ts'

/** What the page cache tells the world of each answer to a client, over `node:diagnostics_channel`, as `larder:page`. */
export interface PageEvent {
  cache: Cache
  /** The pattern of the route, never the URL. */
  route: string
  status: CacheStatus
  /** Milliseconds from the request to the answer. */
  ms: number
  /** Of the body of the page that it was answered with, whether or not all of it is sent. */
  bytes?: number | undefined
  /** Milliseconds that this page took to make. */
  loadMs?: number | undefined
}

export const PAGE_CHANNEL = 'larder:page'

/** Publishing costs next to nothing while nobody listens, making the event does not. */
export const pageEvents = channel(PAGE_CHANNEL)
