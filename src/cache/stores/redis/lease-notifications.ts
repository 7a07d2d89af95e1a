import type { Cluster, Redis } from 'ioredis'
import type { IoredisClient } from './ioredis.ts'
import type { LeaseWaiter } from '../store.ts'

/** Channels asked for at once that are not open yet. */
const MAX_OPENING = 1_000

interface Channel {
  /** Settles when Redis has it, or cannot. */
  open: Promise<unknown>
  readonly watches: Set<() => void>
}

/** Wakes those who wait for what other processes do, over a connection of its own that opens with the first of them. */
export class LeaseNotifications {
  readonly #client: IoredisClient
  readonly #channels = new Map<string, Channel>()
  #subscriber: IoredisClient | undefined
  #opening = 0

  constructor (client: IoredisClient) {
    this.#client = client
  }

  watch (name: string): LeaseWaiter {
    const channel = this.#channelOf(name)
    let woken = false
    let wake: (() => void) | undefined
    const onMessage = () => {
      woken = true
      wake?.()
    }
    channel.watches.add(onMessage)
    // What happened before the channel was open was not heard, so its opening counts as a message.
    channel.open.then(onMessage, () => {})
    return {
      next: async (ms) => {
        if (!woken) {
          const { promise, resolve } = Promise.withResolvers<void>()
          const timer = setTimeout(resolve, ms)
          wake = resolve
          await promise
          clearTimeout(timer)
        }
        woken = false
      },
      end: () => {
        channel.watches.delete(onMessage)
        if (channel.watches.size > 0 || this.#channels.get(name) !== channel) return
        this.#channels.delete(name)
        // Not before it is open: while the connection is away, commands pile up in the client.
        channel.open.then(
          () => this.#channels.has(name) ? undefined : this.#subscriber!.unsubscribe(name)
        ).catch(() => {})
      }
    }
  }

  readonly close = (): void => {
    this.#client.off('end', this.close)
    this.#subscriber?.disconnect()
  }

  #channelOf (name: string): Channel {
    const known = this.#channels.get(name)
    if (known !== undefined) return known
    const channel: Channel = { open: this.#subscribe(name), watches: new Set() }
    this.#channels.set(name, channel)
    return channel
  }

  /** Who waits without a channel goes by a timer. */
  async #subscribe (name: string): Promise<void> {
    if (this.#opening >= MAX_OPENING) throw new Error('too many channels wait for the connection')
    this.#opening++
    try {
      await this.#open().subscribe(name)
    } finally {
      this.#opening--
    }
  }

  #open (): IoredisClient {
    if (this.#subscriber !== undefined) return this.#subscriber
    // It subscribes again by itself after it was cut; until then those who wait go by their own timers.
    const subscriber = this.#client.isCluster
      ? (this.#client as Cluster).duplicate()
      : (this.#client as Redis).duplicate({
          enableOfflineQueue: true, maxRetriesPerRequest: null, commandTimeout: undefined
        })
    subscriber.on('error', () => {})
    this.#client.once('end', this.close)
    subscriber.on('message', (name: string) => {
      for (const wake of this.#channels.get(name)?.watches ?? []) wake()
    })
    this.#subscriber = subscriber
    return subscriber
  }
}
