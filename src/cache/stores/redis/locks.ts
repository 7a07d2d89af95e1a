import type { LockStore } from '../store.ts'
import type { RedisCommands } from './commands.ts'
import { redisScript } from './scripts.ts'

/** Milliseconds for which the last token of a lock is remembered after the lock has ended. */
const REMEMBER_MS = 24 * 3600 * 1000

/*
 * KEYS lock. It is a hash: `token` is that of the last holder, and `ends` is the end of the lock by the clock of Redis,
 * in microseconds. A token is at least that time, so that tokens go on increasing if Redis has lost the last one.
 */
const READ_LOCK = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local token, ends = unpack(redis.call('HMGET', KEYS[1], 'token', 'ends'))`

const SET_END = `
local function set_end (ms)
  redis.call('HSET', KEYS[1], 'ends', string.format('%.0f', now + ms * 1000))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ms + ${REMEMBER_MS}))
end`

/** ARGV length in ms. Returns the new token, or nothing if another holder has the lock. */
const ACQUIRE = `${READ_LOCK}${SET_END}
if ends and tonumber(ends) > now then return nil end
token = string.format('%.0f', math.max(tonumber(token or 0) + 1, now))
redis.call('HSET', KEYS[1], 'token', token)
set_end(tonumber(ARGV[1]))
return token`

/** ARGV token, length in ms. Returns 1 if no other holder has acquired the lock since. */
const RENEW = `${READ_LOCK}${SET_END}
if token ~= ARGV[1] then return 0 end
set_end(tonumber(ARGV[2]))
return 1`

/** ARGV token. Returns 1 as RENEW does. */
const RELEASE = `${READ_LOCK}
if token ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'ends', '0')
return 1`

/** Creates the locks of a Redis store. Each is a key of its own, which `clear` leaves. */
export function redisLocks (commands: RedisCommands, prefix: string): LockStore {
  const runAcquire = redisScript(commands, ACQUIRE)
  const runRenew = redisScript(commands, RENEW)
  const runRelease = redisScript(commands, RELEASE)
  const names = (key: string) => [`${prefix}#lock:${key}`]

  return {
    async acquire (key, ms) {
      const token = await runAcquire(names(key), [ms])
      return token === null ? undefined : Number(token)
    },
    renew: async (key, token, ms) => await runRenew(names(key), [token, ms]) === 1,
    release: async (key, token) => await runRelease(names(key), [token]) === 1
  }
}
