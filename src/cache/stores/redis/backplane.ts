import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { RedisClient } from './client.ts'
import { versionKeyPrefix } from './versions.ts'
import type { Backplane, BackplaneListener } from '../store.ts'

export interface RedisFeed extends Backplane {
  close (): void
}

export interface RedisFeedTiming {
  /** Milliseconds from a beat that was heard to the next. */
  beatMs: number
  /** Milliseconds after which a channel is given up that is not set up yet, or that brings no beat. */
  deadlineMs: number
  /** Milliseconds, about, until the first attempt at another channel; each that fails doubles them. */
  retryMs: number
  maxRetryMs: number
}

const TIMING: RedisFeedTiming = { beatMs: 250, deadlineMs: 2_000, retryMs: 100, maxRetryMs: 5_000 }

/** Where Redis tells a connection that speaks RESP2 which keys have changed. */
const INVALIDATIONS = '__redis__:invalidate'

/** A change that leaves nothing behind but the message of it. */
const BEAT = "redis.call('SET', KEYS[1], '') redis.call('DEL', KEYS[1])"

/** Milliseconds that a connection has to close itself before it is torn down. */
const DISCONNECT_MS = 100

/**
 * The changes of a Redis store, told by Redis's own client-side tracking: whoever makes them, expiry, eviction and
 * FLUSHALL included. Undefined for a cluster, where what one node tells proves nothing about the others. Over a Redis
 * that lets nobody track keys it stays silent.
 *
 * That the channel works is shown, not believed: a beat is a change made over the store's own connection, whose message
 * must come back over the channel. Messages come in the order of the changes, so by then all from before have come.
 *
 * @param now milliseconds since 1970
 */
export function redisBackplane (
  client: RedisClient, prefix: string, now: () => number, timing: Partial<RedisFeedTiming> = {}
): RedisFeed | undefined {
  if (client.isCluster) return undefined
  const { retryMs, maxRetryMs, ...channelTiming } = { ...TIMING, ...timing }
  const listeners: BackplaneListener[] = []
  let toldUntil = -Infinity
  let failures = 0
  let isBeating = false
  let isClosed = false
  let closeChannel = () => {}
  let retry: NodeJS.Timeout | undefined

  /** One at a time, so that none pile up in a client that waits for its connection. */
  async function beat (name: string): Promise<void> {
    if (isBeating) throw new Error('the last beat is not answered yet')
    isBeating = true
    await client.eval(BEAT, 1, name).finally(() => { isBeating = false })
  }

  function open (): void {
    closeChannel = openChannel({
      ...channelTiming,
      client: client as Redis,
      prefix,
      now,
      beat,
      onEntry: (key) => { for (const listener of listeners) listener.onEntry(key) },
      onTag: () => { for (const listener of listeners) listener.onTag() },
      onAll: () => { for (const listener of listeners) listener.onAll() },
      onBeat (sentAt) {
        toldUntil = sentAt
        failures = 0
      },
      onEnd () {
        if (isClosed) return
        const delay = Math.min(retryMs * 2 ** failures++, maxRetryMs)
        retry = setTimeout(open, delay * (0.5 + Math.random() / 2)).unref()
      }
    })
  }

  return {
    get caughtUpTo () { return toldUntil },
    listen (listener) {
      if (listeners.push(listener) === 1) open()
    },
    close () {
      isClosed = true
      clearTimeout(retry)
      closeChannel()
    }
  }
}

interface ChannelOptions extends BackplaneListener, Pick<RedisFeedTiming, 'beatMs' | 'deadlineMs'> {
  client: Redis
  prefix: string
  now: () => number
  /** Changes a key, so that there is a message of it. */
  beat: (name: string) => Promise<void>
  /** A beat was heard. */
  onBeat: (sentAt: number) => void
  onEnd: () => void
}

/**
 * One life of the channel: two connections that are set up once, and closed with the first thing that goes wrong. One
 * asks Redis to tell, the other listens: ioredis hands over these messages in RESP2 alone, where a connection that
 * listens can do nothing else. Answers how to close it.
 */
function openChannel (options: ChannelOptions): () => void {
  const { client, prefix, now, beatMs, deadlineMs } = options
  const entries = `${prefix}:`
  const root = versionKeyPrefix(prefix)
  const beats = `${root}beat:${randomUUID()}:`
  const [listener, tracker] = [connect(), connect()]
  let isOpen = true
  let beat = { name: '', sentAt: NaN }
  let count = 0
  let timer = setTimeout(close, deadlineMs).unref()

  function connect (): Redis {
    const connection = client.duplicate({
      protocol: 2,
      lazyConnect: false,
      enableOfflineQueue: true,
      retryStrategy: () => null,
      reconnectOnError: null,
      connectTimeout: deadlineMs,
      disconnectTimeout: DISCONNECT_MS
    })
    connection.on('error', () => {}) // it ends, which is enough
    connection.once('end', close)
    return connection
  }

  async function setUp (): Promise<void> {
    const id = await listener.client('ID')
    listener.on('messageBuffer', hear as (channel: Buffer, message: unknown) => void)
    await listener.subscribe(INVALIDATIONS)
    await tracker.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST',
      'PREFIX', entries, 'PREFIX', `${root}clock`, 'PREFIX', `${root}tag:`, 'PREFIX', beats)
    if (!isOpen) return
    clearTimeout(timer)
    options.onAll() // whatever changed until now has not been told
    send()
  }

  function send (): void {
    beat = { name: `${beats}${++count}`, sentAt: now() }
    timer = setTimeout(close, deadlineMs).unref()
    options.beat(beat.name).catch(close)
    tracker.ping().catch(close) // or it might be closed for saying nothing
  }

  /** @param names of the keys that changed; null for all */
  function hear (_channel: Buffer, names: Buffer[] | null): void {
    if (names === null) return options.onAll()
    for (const bytes of names) {
      const name = bytes.toString()
      if (name.startsWith(entries)) options.onEntry(name.slice(entries.length))
      else if (name !== beat.name) options.onTag()
      else {
        clearTimeout(timer)
        timer = setTimeout(send, beatMs).unref()
        options.onBeat(beat.sentAt)
      }
    }
  }

  function close (): void {
    if (!isOpen) return
    isOpen = false
    beat.name = ''
    clearTimeout(timer)
    listener.disconnect()
    tracker.disconnect()
    options.onEnd()
  }

  setUp().catch(close)
  return close
}
