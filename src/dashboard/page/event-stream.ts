import type { FastifyReply } from 'fastify'
import { TooManyWatchersError } from '../../errors.ts'
import type { TimeSeries, Sample } from './time-series.ts'

/** Connections at once. */
const MAX_WATCHERS = 20
/** Seconds for which a client may leave a message unread before it is dropped. */
const PATIENCE = 10
/** Milliseconds in which changes are gathered that are told at once. */
const GATHER_MS = 50

/** A message to the dashboards. */
interface News {
  /** Of the figures. */
  html: string
  samples: readonly Sample[]
}

interface Watcher {
  readonly reply: FastifyReply
  /** A message is under way: the next is not sent before it has gone out, so no more than one ever waits. */
  sending: boolean
  /** Seconds for which it has been. */
  waited: number
}

/** The dashboards that are open, and what they are told: each second, and soon after each change. */
export class EventStream {
  readonly #watchers = new Set<Watcher>()
  readonly #history: TimeSeries
  readonly #render: () => Promise<string>
  #soon: NodeJS.Timeout | undefined
  #closed = false

  /** @param render makes the figures, once for all who watch */
  constructor (history: TimeSeries, render: () => Promise<string>) {
    this.#history = history
    this.#render = render
  }

  get watchers (): number {
    return this.#watchers.size
  }

  /** Throws where there are too many already. */
  async add (reply: FastifyReply): Promise<void> {
    if (this.#closed || this.#watchers.size >= MAX_WATCHERS) throw new TooManyWatchersError(MAX_WATCHERS)
    if (reply.raw.destroyed) return // the client has left already, and nothing would tell us again
    const watcher: Watcher = { reply, sending: false, waited: 0 }
    this.#watchers.add(watcher)
    reply.raw.once('close', () => this.#watchers.delete(watcher))
    reply.sse.keepAlive()
    const html = await this.#render()
    this.#send(watcher, 'start', { html, samples: this.#history.samples })
  }

  /** To be called once a second. */
  async tick (): Promise<void> {
    const sample = this.#history.sample()
    for (const watcher of this.#watchers) {
      if (watcher.sending && ++watcher.waited >= PATIENCE) watcher.reply.raw.destroy()
    }
    await this.#tell([sample])
  }

  /** Tells of a change without waiting for the next second. */
  changed (): void {
    if (this.#watchers.size === 0) return
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined
      this.#tell([])
    }, GATHER_MS).unref()
  }

  close (): void {
    this.#closed = true
    clearTimeout(this.#soon)
    for (const { reply, sending } of this.#watchers) {
      if (sending) reply.raw.destroy()
      else reply.sse.close()
    }
  }

  async #tell (samples: Sample[]): Promise<void> {
    if (this.#watchers.size === 0) return
    const html = await this.#render()
    for (const watcher of this.#watchers) this.#send(watcher, 'news', { html, samples })
  }

  #send (watcher: Watcher, event: string, news: News): void {
    if (watcher.sending || !watcher.reply.sse.isConnected) return
    watcher.sending = true
    watcher.waited = 0
    watcher.reply.sse.send({ event, data: news }).then(() => { watcher.sending = false }, () => {}) // it has gone
  }
}
