import { randomBytes } from 'node:crypto'
import type { Entry } from '../../entry/entry.ts'
import type { RedisCommands } from './commands.ts'
import {
  ACQUIRE_LEASE, FILL_LEASE, HOLDS_LEASE, redisScript, RELEASE_LEASE, RENEW_LEASE
} from './scripts.ts'
import {
  type DecodedEntries, deserializeEntry, deserializeLease, serializeEntry, serializeHeader
} from './serialization.ts'
import { LeaseNotifications } from './lease-notifications.ts'
import type { Lease, LeaseResult } from '../store.ts'

export interface RedisLeasesOptions {
  commands: RedisCommands
  prefix: string
  /** Returns the Redis key of an entry. */
  redisKey: (key: string) => string
  /** Returns the milliseconds left, as PX takes them; empty if the entry never expires. */
  expiryArgument: (until: number) => number | ''
  decoded: DecodedEntries
  /** Whether an entry of this size may be stored. */
  fits: (frame: Buffer) => boolean
}

/** How many of the first bytes identify a value that this code did not write. */
const FOREIGN_BYTES = 1024
/** Milliseconds after which the lease of a holder that no longer renews it expires. */
export const LEASE_MS = 2_000
/** Milliseconds between renewals. */
const RENEW_MS = 600
/** Milliseconds after which a lease is renewed no more, however long its load takes. */
const LONGEST_HOLD_MS = 60_000

/**
 * The leases of the keys of a Redis store. A lease is stored at the key of its entry, so that a command that deletes,
 * replaces or evicts the entry ends the lease too. If the reply to a command is lost, its lease expires after
 * `LEASE_MS`.
 */
export class RedisLeases {
  readonly #options: RedisLeasesOptions
  readonly #notifications: LeaseNotifications
  readonly #acquire
  readonly #renew
  readonly #isHeld
  readonly #fill
  readonly #release
  /** Sixteen bytes, unique by their random part and their counter. */
  readonly #token = randomBytes(16)

  constructor (options: RedisLeasesOptions) {
    this.#options = options
    const { commands } = options
    this.#notifications = new LeaseNotifications(commands.client)
    this.#acquire = redisScript(commands, ACQUIRE_LEASE)
    this.#renew = redisScript(commands, RENEW_LEASE)
    this.#isHeld = redisScript(commands, HOLDS_LEASE)
    this.#fill = redisScript(commands, FILL_LEASE)
    this.#release = redisScript(commands, RELEASE_LEASE)
  }

  close (): void {
    this.#notifications.close()
  }

  /** As `Store.acquire`. Rejects if Redis takes no writes, e.g. since it is full or a replica. */
  async acquire (key: string, seen?: Entry): Promise<Entry | LeaseResult> {
    return await this.#acquireOver(key, seen === undefined ? '' : serializeHeader(seen), seen)
  }

  /** @param unusable the first bytes of what the caller has found and cannot use; empty: nothing */
  async #acquireOver (key: string, unusable: Buffer | '', seen?: Entry): Promise<Entry | LeaseResult> {
    const { redisKey, decoded } = this.#options
    const token = this.#nextToken()
    const stored = await this.#acquire([redisKey(key)], [token, LEASE_MS, unusable]) as Buffer | 1 | null
    if (stored === null) return { lease: this.#exclusiveLease(key, token) }
    if (stored === 1) return { lease: this.#exclusiveLease(key, token), stale: seen! }
    const lease = deserializeLease(stored)
    if (lease === undefined) {
      // Bytes that this code did not write are as good as none, but without a lease a deletion would go unseen.
      return decoded.read(redisKey(key), stored) ?? await this.#acquireOver(key, stored.subarray(0, FOREIGN_BYTES))
    }
    const entry = deserializeEntry(stored)
    return {
      ...entry && { stale: entry },
      ...lease.hitForMiss
        ? { lease: this.#sharedLease(key, lease.token), hitForMiss: true }
        : { wait: () => this.#notifications.watch(this.#channelName(key)) }
    }
  }

  #channelName (key: string): string {
    return `${this.#options.prefix}#filled:${key}`
  }

  #nextToken (): Buffer {
    this.#token.writeUInt32BE((this.#token.readUInt32BE(12) + 1) % 2 ** 32, 12)
    return Buffer.from(this.#token)
  }

  /** A lease of one holder, which renews itself until it is filled or released. */
  #exclusiveLease (key: string, token: Buffer): Lease {
    const names = [this.#options.redisKey(key)]
    let renewals = Math.floor(LONGEST_HOLD_MS / RENEW_MS)
    const timer = setInterval(() => {
      if (renewals-- === 0) return clearInterval(timer)
      this.#renew(names, [token, LEASE_MS]).then((held) => { if (held !== 1) clearInterval(timer) }, () => {})
    }, RENEW_MS).unref()
    return {
      fill: async (entry) => {
        clearInterval(timer)
        return await this.#fillLease(key, token, entry)
      },
      release: async (hitForMissMs = 0, stale) => {
        clearInterval(timer)
        return await this.#releaseLease(key, token, hitForMissMs, stale)
      }
    }
  }

  /** A hit-for-miss lease, which all callers share that load in parallel. */
  #sharedLease (key: string, token: Buffer): Lease {
    return {
      fill: (entry) => this.#fillLease(key, token, entry),
      // The other callers go on using it, so only a new stale entry is a reason to write.
      release: async (hitForMissMs = 0, stale) => stale === undefined
        ? await this.#isHeld([this.#options.redisKey(key)], [token]) === 1
        : await this.#releaseLease(key, token, hitForMissMs, stale)
    }
  }

  async #fillLease (key: string, token: Buffer, entry: Entry): Promise<'stored' | 'too-large' | 'revoked'> {
    const { redisKey, expiryArgument, fits } = this.#options
    const frame = serializeEntry(entry)
    if (!fits(frame)) return 'too-large'
    const args = [token, this.#channelName(key), frame, expiryArgument(entry.staleUntil)]
    return await this.#fill([redisKey(key)], args) === 1 ? 'stored' : 'revoked'
  }

  async #releaseLease (key: string, token: Buffer, hitForMissMs: number, stale?: Entry | null): Promise<boolean> {
    const replacement = stale === undefined ? [] : [stale === null ? '' : serializeEntry(stale)]
    const args = [token, this.#channelName(key), hitForMissMs, ...replacement]
    return await this.#release([this.#options.redisKey(key)], args) === 1
  }
}
