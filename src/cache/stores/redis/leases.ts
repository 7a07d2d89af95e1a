import { randomBytes } from 'node:crypto'
import type { Entry } from '../../entry/entry.ts'
import {
  type DecodedEntries, deserializeEntry, deserializeLease, serializeEntry, serializeHeader, serializeLease
} from './serialization.ts'
import { RedisUnavailableError, type RedisCommands } from './commands.ts'
import { FILL_LEASE, redisScript, RELEASE_LEASE, RENEW_LEASE, TAKE_LEASE } from './scripts.ts'
import { LeaseNotifications } from './lease-notifications.ts'
import type { Lease, LeaseResult } from '../store.ts'

export interface RedisLeasesOptions {
  link: RedisCommands
  prefix: string
  /** Milliseconds since 1970. */
  now: () => number
  nameOf: (key: string) => string
  /** Milliseconds left, as PX takes them; empty when it never expires. */
  lifeOf: (until: number) => number | ''
  get: (key: string) => Promise<Entry | undefined>
  recent: DecodedEntries
  /** Whether the frame of an entry may be kept. */
  fits: (frame: Buffer) => boolean
}

/** Milliseconds after which a holder that no longer renews its lease is replaced. */
export const LEASE_MS = 2_000
/** Milliseconds between renewals. */
const RENEW_MS = 600
/** Milliseconds after which a lease is renewed no more, however long its load takes. */
const LONGEST_HOLD_MS = 60_000
/** Milliseconds for which leases are not tried again at a Redis that takes no writes. */
const NO_WRITES_MS = 1_000
/** Leases remembered that nobody here knows to hold. */
const MAX_LOST = 1_000

/**
 * Leases of the keys of a Redis store: `SET … NX GET` reads an entry for the price of a GET, and takes the lease where
 * there is none. A Redis that cannot do that, because it is old, full or a replica, is read without leases.
 */
export class RedisLeases {
  readonly #options: RedisLeasesOptions
  readonly #wakeups: LeaseNotifications
  readonly #take
  readonly #renew
  readonly #fill
  readonly #release
  /** Sixteen bytes that nobody else has, by their random part and their count. */
  readonly #token = randomBytes(16)
  /** Tokens that may stand at a key though nobody here holds the lease, since an answer of Redis got lost; each with that key. */
  readonly #lost = new Map<string, string>()
  #nativeFrom = 0

  constructor (options: RedisLeasesOptions) {
    this.#options = options
    const { link } = options
    this.#wakeups = new LeaseNotifications(link.client)
    this.#take = redisScript(link, TAKE_LEASE)
    this.#renew = redisScript(link, RENEW_LEASE)
    this.#fill = redisScript(link, FILL_LEASE)
    this.#release = redisScript(link, RELEASE_LEASE)
    link.onBack(() => this.#giveBackLost())
  }

  close (): void {
    this.#wakeups.close()
  }

  async getOrLease (key: string, seen?: Entry): Promise<Entry | LeaseResult> {
    const { now, get } = this.#options
    if (seen !== undefined) return await this.#takeOver(key, serializeHeader(seen))
    if (now() < this.#nativeFrom) return await get(key) ?? await this.#takeOver(key, '')
    const token = this.#nextToken()
    try {
      const kept = await this.#getOrSet(key, serializeLease(token), token)
      if (kept === null) return { lease: this.#lease(key, token) }
      // Whether its time is over, Redis alone can say.
      return deserializeLease(kept)?.timed === true ? await this.#takeOver(key, '') : this.#read(key, kept) ?? await this.#takeOver(key, '')
    } catch (error) {
      if (!isRefusal(error)) throw this.#unanswered(key, token, error)
      // What stands at the key may be of another type, which the script does not mind.
      if (!error.message.startsWith('WRONGTYPE')) this.#nativeFrom = error.message.startsWith('ERR syntax') ? Infinity : now() + NO_WRITES_MS
      return await get(key) ?? await this.#takeOver(key, '')
    }
  }

  #getOrSet (key: string, frame: Buffer, token: Buffer): Promise<Buffer | null> {
    const { link, nameOf } = this.#options
    return link.run('SET', () => link.client.callBuffer('SET', nameOf(key), frame, 'PX', LEASE_MS, 'NX', 'GET') as Promise<Buffer | null>, { late: this.#late(key, token) })
  }

  async #takeOver (key: string, head: Buffer | ''): Promise<Entry | LeaseResult> {
    const token = this.#nextToken()
    try {
      const kept = await this.#take([this.#options.nameOf(key)], [token, LEASE_MS, head], { late: this.#late(key, token) }) as Buffer | null
      return kept === null ? { lease: this.#lease(key, token) } : this.#read(key, kept) ?? {}
    } catch (error) {
      if (isRefusal(error)) return {}
      throw this.#unanswered(key, token, error)
    }
  }

  /** Told of an answer for which nobody waits any more: the lease that it brings would keep all others waiting. */
  #late (key: string, token: Buffer): (answer: unknown) => void {
    return (answer) => {
      this.#lost.delete(token.toString('latin1'))
      // Other processes may ask Redis again sooner than this one.
      if (answer === null) this.#giveBack(key, token, 0, undefined, true).catch(() => {})
    }
  }

  /** What the bytes at a key are; undefined where they are none of ours. */
  #read (key: string, kept: Buffer): Entry | LeaseResult | undefined {
    const lease = deserializeLease(kept)
    if (lease === undefined) return this.#options.recent.read(this.#options.nameOf(key), kept)
    const entry = deserializeEntry(kept)
    const stale = entry && { stale: entry }
    if (lease.pass) return { ...stale, lease: this.#shared(key, lease.token) }
    if (this.#lost.delete(lease.token.toString('latin1'))) return { ...stale, lease: this.#lease(key, lease.token) }
    return { ...stale, holder: lease.token.toString('latin1'), wait: () => this.#wakeups.watch(this.#channelOf(key)) }
  }

  /** A lease that was asked for may stand all the same, if Redis was asked. */
  #unanswered (key: string, token: Buffer, error: unknown): unknown {
    return wasSent(error) ? this.#lose(key, token, error) : error
  }

  #lose (key: string, token: Buffer, error: unknown): unknown {
    // The oldest has ended by itself.
    const [oldest] = this.#lost.keys()
    if (this.#lost.size >= MAX_LOST) this.#lost.delete(oldest!)
    this.#lost.set(token.toString('latin1'), key)
    // Redis came back since it failed, and nobody will say so again.
    if (!wasSent(error) && this.#options.link.available) this.#giveBackLost()
    return error
  }

  #giveBackLost (): void {
    const lost = [...this.#lost]
    this.#lost.clear()
    for (const [token, key] of lost) this.#giveBack(key, Buffer.from(token, 'latin1'), 0).catch(() => {})
  }

  #channelOf (key: string): string {
    return `${this.#options.prefix}#filled:${key}`
  }

  #nextToken (): Buffer {
    this.#token.writeUInt32BE((this.#token.readUInt32BE(12) + 1) % 2 ** 32, 12)
    return Buffer.from(this.#token)
  }

  /** A lease that renews itself until it is filled or released. */
  #lease (key: string, token: Buffer): Lease {
    const names = [this.#options.nameOf(key)]
    const shared = this.#shared(key, token)
    let left = Math.floor(LONGEST_HOLD_MS / RENEW_MS)
    const timer = setInterval(() => {
      if (left-- === 0) return clearInterval(timer)
      this.#renew(names, [token, LEASE_MS]).then((held) => { if (held !== 1) clearInterval(timer) }, () => {})
    }, RENEW_MS).unref()
    return {
      hitForMiss: false,
      token: shared.token,
      fill: async (entry) => {
        clearInterval(timer)
        try {
          return await shared.fill(entry)
        } catch (error) {
          throw this.#lose(key, token, error)
        }
      },
      release: async (pass = 0, old) => {
        clearInterval(timer)
        await this.#giveBack(key, token, pass, old)
      }
    }
  }

  /** A lease that all have who load side by side. */
  #shared (key: string, token: Buffer): Lease {
    const { nameOf, lifeOf, fits } = this.#options
    return {
      hitForMiss: true,
      token: token.toString('latin1'),
      fill: async (entry) => {
        const frame = serializeEntry(entry)
        if (!fits(frame)) return 'too-large'
        const kept = await this.#fill([nameOf(key)], [token, this.#channelOf(key), frame, lifeOf(entry.staleUntil)]) === 1
        return kept ? 'kept' : 'revoked'
      },
      // The others still have it.
      release: async (pass = 0, old) => { if (old !== undefined) await this.#giveBack(key, token, pass, old) }
    }
  }

  async #giveBack (key: string, token: Buffer, pass: number, old?: Entry | null, evenAway = false): Promise<void> {
    const more = old === undefined ? [] : [old === null ? '' : serializeEntry(old)]
    try {
      await this.#release([this.#options.nameOf(key)], [token, this.#channelOf(key), pass, ...more], { evenAway })
    } catch (error) {
      throw this.#lose(key, token, error) // e.g. while Redis counts as away
    }
  }
}

/** Whether Redis may have done what failed. */
function wasSent (error: unknown): boolean {
  return !(error instanceof RedisUnavailableError) || error.sent
}

/** Whether Redis is there, and refuses. */
function isRefusal (error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError'
}
