import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { CacheStats } from '../../metrics/stats.ts'
import { TooManyWatchersError } from '../errors.ts'
import type { Sample, TimeSeries } from './time-series.ts'

/** The number of dashboards that may be open at once. */
const MAX_WATCHERS = 20
/** Seconds after which a client that does not read is disconnected. */
const MAX_SENDING_SECONDS = 10
/** Milliseconds for which changes are collected before they are sent together. */
const DEBOUNCE_MS = 50

/** A message to the dashboards. */
interface Update {
  /** The figures and tables. */
  html: string
  samples: readonly Sample[]
}

interface Watcher {
  /** What is to be sent. */
  readonly body: Readable
  /** The response that sends it. */
  readonly response: Pick<ServerResponse, 'writableLength'>
  /** Seconds for which a message has been waiting in memory. */
  waitingSeconds: number
}

/** Server-sent events to the open dashboards: each second, and soon after each change. */
export class EventStream {
  readonly #watchers = new Set<Watcher>()
  readonly #history: TimeSeries
  readonly #stats: CacheStats
  readonly #render: () => string
  #debounce: NodeJS.Timeout | undefined
  #closed = false

  /** @param render renders the figures, once for all dashboards */
  constructor (history: TimeSeries, stats: CacheStats, render: () => string) {
    this.#history = history
    this.#stats = stats
    this.#render = render
  }

  /**
   * Connects a dashboard, and returns the body of its response. Throws if too many are open already.
   *
   * @param response what the body is sent with
   */
  connect (response: Watcher['response']): Readable {
    if (this.#closed || this.#watchers.size >= MAX_WATCHERS) throw new TooManyWatchersError(MAX_WATCHERS)
    const watcher: Watcher = { body: new Readable({ read () {} }), response, waitingSeconds: 0 }
    this.#watchers.add(watcher)
    this.#stats.watchers++
    watcher.body.once('close', () => {
      this.#watchers.delete(watcher)
      this.#stats.watchers--
    })
    send(watcher, 'start', { html: this.#render(), samples: this.#history.samples })
    return watcher.body
  }

  /** Samples the cache and sends the result. Call it once a second. */
  tick (): void {
    const sample = this.#history.sample()
    for (const watcher of this.#watchers) {
      if (!isWaiting(watcher)) watcher.waitingSeconds = 0
      else if (++watcher.waitingSeconds >= MAX_SENDING_SECONDS) watcher.body.destroy()
    }
    this.#broadcast([sample])
  }

  /** Sends the figures soon, without waiting for the next second. */
  notifyChange (): void {
    if (this.#watchers.size === 0) return
    this.#debounce ??= setTimeout(() => {
      this.#debounce = undefined
      this.#broadcast([])
    }, DEBOUNCE_MS).unref()
  }

  close (): void {
    this.#closed = true
    clearTimeout(this.#debounce)
    for (const watcher of this.#watchers) {
      if (isWaiting(watcher)) watcher.body.destroy()
      else watcher.body.push(null)
    }
  }

  #broadcast (samples: Sample[]): void {
    if (this.#watchers.size === 0) return
    const html = this.#render()
    for (const watcher of this.#watchers) send(watcher, 'update', { html, samples })
  }
}

/** Sends a message, unless one is waiting already: at most one waits in memory. */
function send (watcher: Watcher, event: string, update: Update): void {
  if (!isWaiting(watcher)) watcher.body.push(`event: ${event}\ndata: ${JSON.stringify(update)}\n\n`)
}

/** Whether the connection has not taken the last message yet. */
function isWaiting ({ body, response }: Watcher): boolean {
  return body.readableLength > 0 || response.writableLength > 0
}
