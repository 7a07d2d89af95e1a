import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Backplane, BackplaneListener } from '../store.ts'
import type { IoredisClient } from './ioredis.ts'
import { isWriteRefusal } from './commands.ts'
import { versionKeyPrefix } from './versions.ts'

export interface RedisBackplane extends Backplane {
  close (): void
}

export interface BackplaneTiming {
  /** Milliseconds from the arrival of one heartbeat to the next. */
  heartbeatMs: number
  /** Milliseconds after which a channel is closed that is not set up yet, or whose heartbeat has not arrived. */
  deadlineMs: number
  /** Milliseconds, about, before the first attempt to reconnect; each failure doubles them. */
  retryMs: number
  maxRetryMs: number
}

const TIMING: BackplaneTiming = { heartbeatMs: 250, deadlineMs: 2_000, retryMs: 100, maxRetryMs: 5_000 }

/** The channel on which Redis sends invalidation messages to a connection that speaks RESP2. */
const INVALIDATIONS = '__redis__:invalidate'

/** Changes a key and leaves nothing behind, so that its only effect is an invalidation message. */
const HEARTBEAT = "redis.call('SET', KEYS[1], '') redis.call('DEL', KEYS[1])"

/** Milliseconds in which a connection may close by itself before it is destroyed. */
const DISCONNECT_MS = 100

/**
 * Reports all changes of a Redis store, by client-side tracking of Redis: by any process, and by expiry, eviction and
 * FLUSHALL. Undefined for a cluster, where the messages of one node prove nothing about the others. If Redis does not
 * allow tracking, it never catches up.
 *
 * A heartbeat proves that the channel works: it changes a key over the connection of the store, and expects the
 * invalidation message on this channel. Messages arrive in order, so all earlier ones have arrived too.
 *
 * @param client of the store
 * @param prefix of the store
 * @param now returns the time in milliseconds since 1970
 * @param timing for tests
 */
export function redisBackplane (
  client: IoredisClient, prefix: string, now: () => number, timing: Partial<BackplaneTiming> = {}
): RedisBackplane | undefined {
  if (client.isCluster) return undefined
  const { retryMs, maxRetryMs, ...channelTiming } = { ...TIMING, ...timing }
  const listeners: BackplaneListener[] = []
  let caughtUpTo = -Infinity
  let failures = 0
  let isSending = false
  let isClosed = false
  let closeChannel = () => {}
  let retryTimer: NodeJS.Timeout | undefined

  /** One at a time, so that heartbeats do not pile up in a client that waits for its connection. */
  async function sendHeartbeat (key: string): Promise<void> {
    if (isSending) throw new Error('there is no reply to the last heartbeat yet')
    isSending = true
    await client.eval(HEARTBEAT, 1, key).finally(() => { isSending = false })
  }

  function open (): void {
    closeChannel = openChannel({
      ...channelTiming,
      client: client as Redis,
      prefix,
      now,
      sendHeartbeat,
      onEntry: (key) => { for (const listener of listeners) listener.onEntry(key) },
      onTag: () => { for (const listener of listeners) listener.onTag() },
      onAll: () => { for (const listener of listeners) listener.onAll() },
      onHeartbeat (sentAt) {
        caughtUpTo = sentAt
        failures = 0
      },
      onClose () {
        if (isClosed) return
        const delay = Math.min(retryMs * 2 ** failures++, maxRetryMs)
        retryTimer = setTimeout(open, delay * (0.5 + Math.random() / 2)).unref()
      }
    })
  }

  return {
    get caughtUpTo () { return caughtUpTo },
    listen (listener) {
      if (listeners.push(listener) === 1) open()
    },
    close () {
      isClosed = true
      clearTimeout(retryTimer)
      closeChannel()
    }
  }
}

interface ChannelOptions extends BackplaneListener, Pick<BackplaneTiming, 'heartbeatMs' | 'deadlineMs'> {
  client: Redis
  prefix: string
  now: () => number
  /** Changes a key, so that Redis sends an invalidation message. */
  sendHeartbeat: (key: string) => Promise<void>
  /** Called when a heartbeat has arrived. */
  onHeartbeat: (sentAt: number) => void
  onClose: () => void
}

/**
 * Opens a channel, and returns how to close it. It has two connections, which are set up once and closed at the first
 * failure: one tracks changes, the other receives the messages. ioredis passes these messages on in RESP2 only, where a
 * connection that receives messages can send no commands.
 */
function openChannel (options: ChannelOptions): () => void {
  const { client, prefix, now, heartbeatMs, deadlineMs } = options
  const entryPrefix = `${prefix}:`
  const versionPrefix = versionKeyPrefix(prefix)
  const heartbeatPrefix = `${versionPrefix}beat:${randomUUID()}:`
  const [receiver, tracker] = [connect(), connect()]
  let isOpen = true
  let heartbeat = { key: '', sentAt: NaN }
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
    connection.on('error', () => {}) // `end` follows
    connection.once('end', close)
    return connection
  }

  async function setUp (): Promise<void> {
    const id = await receiver.client('ID')
    receiver.on('messageBuffer', onMessage as (channel: Buffer, message: unknown) => void)
    await receiver.subscribe(INVALIDATIONS)
    await tracker.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', entryPrefix,
      'PREFIX', `${versionPrefix}clock`, 'PREFIX', `${versionPrefix}tag:`, 'PREFIX', heartbeatPrefix)
    if (!isOpen) return
    clearTimeout(timer)
    options.onAll() // earlier changes were not reported
    beat()
  }

  function beat (): void {
    heartbeat = { key: `${heartbeatPrefix}${++count}`, sentAt: now() }
    timer = setTimeout(close, deadlineMs).unref()
    options.sendHeartbeat(heartbeat.key).catch((error) => {
      // A Redis that refuses writes still reports changes. A new channel would report that anything may have changed.
      if (isWriteRefusal(error)) beatLater()
      else close()
    })
    tracker.ping().catch(close) // Redis may be configured to close idle connections
  }

  function beatLater (): void {
    if (!isOpen) return
    clearTimeout(timer)
    timer = setTimeout(beat, heartbeatMs).unref()
  }

  /**
   * Reports an invalidation message.
   *
   * @param keys the changed ones; null: all
   */
  function onMessage (_channel: Buffer, keys: Buffer[] | null): void {
    if (keys === null) return options.onAll()
    for (const bytes of keys) {
      const key = bytes.toString()
      if (key.startsWith(entryPrefix)) options.onEntry(key.slice(entryPrefix.length))
      else if (key !== heartbeat.key) options.onTag()
      else {
        beatLater()
        options.onHeartbeat(heartbeat.sentAt)
      }
    }
  }

  function close (): void {
    if (!isOpen) return
    isOpen = false
    heartbeat.key = ''
    clearTimeout(timer)
    receiver.disconnect()
    tracker.disconnect()
    options.onClose()
  }

  setUp().catch(close)
  return close
}
