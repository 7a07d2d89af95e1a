import type { FastifyReply } from 'fastify'
import { TooManyWatchersError } from '../../errors.ts'
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
  readonly reply: FastifyReply
  /** A message is being sent. The next is not sent before it has left, so that at most one waits in memory. */
  sending: boolean
  /** Seconds for which it has been. */
  sendingSeconds: number
}

/** Server-sent events to the open dashboards: each second, and soon after each change. */
export class EventStream {
  readonly #watchers = new Set<Watcher>()
  readonly #history: TimeSeries
  readonly #render: () => Promise<string>
  #debounce: NodeJS.Timeout | undefined
  #closed = false

  /** @param render renders the figures, once for all dashboards */
  constructor (history: TimeSeries, render: () => Promise<string>) {
    this.#history = history
    this.#render = render
  }

  get watchers (): number {
    return this.#watchers.size
  }

  /** Connects a dashboard. Throws if too many are open already. */
  async add (reply: FastifyReply): Promise<void> {
    if (this.#closed || this.#watchers.size >= MAX_WATCHERS) throw new TooManyWatchersError(MAX_WATCHERS)
    if (reply.raw.destroyed) return // the client has disconnected, and `close` would not be emitted again
    const watcher: Watcher = { reply, sending: false, sendingSeconds: 0 }
    this.#watchers.add(watcher)
    reply.raw.once('close', () => this.#watchers.delete(watcher))
    reply.sse.keepAlive()
    const html = await this.#render()
    this.#send(watcher, 'start', { html, samples: this.#history.samples })
  }

  /** Samples the cache and sends the result. Call it once a second. */
  async tick (): Promise<void> {
    const sample = this.#history.sample()
    for (const watcher of this.#watchers) {
      if (watcher.sending && ++watcher.sendingSeconds >= MAX_SENDING_SECONDS) watcher.reply.raw.destroy()
    }
    await this.#broadcast([sample])
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
    for (const { reply, sending } of this.#watchers) {
      if (sending) reply.raw.destroy()
      else reply.sse.close()
    }
  }

  async #broadcast (samples: Sample[]): Promise<void> {
    if (this.#watchers.size === 0) return
    const html = await this.#render()
    for (const watcher of this.#watchers) this.#send(watcher, 'update', { html, samples })
  }

  #send (watcher: Watcher, event: string, update: Update): void {
    if (watcher.sending || !watcher.reply.sse.isConnected) return
    watcher.sending = true
    watcher.sendingSeconds = 0
    // A rejection means that the client has disconnected.
    watcher.reply.sse.send({ event, data: update }).then(() => { watcher.sending = false }, () => {})
  }
}
