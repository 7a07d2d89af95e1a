import { createHash } from 'node:crypto'
import { isMissingScript, type RedisCommands } from './commands.ts'

/** A Lua script, sent by its digest, and in full only to a Redis that does not have it yet. Replies are bytes. */
export function redisScript (commands: RedisCommands, source: string) {
  const { client } = commands
  const digest = createHash('sha1').update(source).digest('hex')

  return async function run (keys: string[], args: Array<string | number | Buffer>): Promise<unknown> {
    const send = (verb: 'EVALSHA' | 'EVAL', script: string) =>
      commands.run(verb, () => client.callBuffer(verb, [script, keys.length, ...keys, ...args]))
    try {
      return await send('EVALSHA', digest)
    } catch (error) {
      if (!isMissingScript(error)) throw error
      return await send('EVAL', source)
    }
  }
}

/*
 * The steps that must be atomic inside Redis. Values are passed as KEYS and ARGV alone. Offsets are those of an entry
 * and of a lease, see serialization.ts, but counted from 1 as in Lua. "ttl" is in milliseconds, or '' for never.
 */

/** As in `deserializeEntry`, other bytes are no entry. */
const FORMATS = `
local function is_lease (bytes) return #bytes >= 27 and string.sub(bytes, 1, 2) == '\\193\\2' end
local function has_header (bytes) return #bytes > 30 and string.sub(bytes, 1, 2) == '\\193\\3' end
local function payload_at (bytes) return 31 + struct.unpack('>I4', bytes, 27) end
-- Stamp and tags of an entry of this length, or nil; the payload may be missing.
local function read_metadata (bytes, length)
  if not has_header(bytes) or payload_at(bytes) > length then return nil end
  local ok, metadata = pcall(cjson.decode, string.sub(bytes, 31, payload_at(bytes) - 1))
  if not ok or type(metadata) ~= 'table' then return nil end
  if type(metadata[1]) == 'string' and type(metadata[2]) == 'table' then return metadata end
end`

/** Sets a key to bytes, with a ttl in milliseconds; '' or a negative one: it never expires. */
const SET_KEY = `
local function set_key (bytes, ttl)
  if ttl == '' or tonumber(ttl) < 0 then redis.call('SET', KEYS[1], bytes)
  else redis.call('SET', KEYS[1], bytes, 'PX', ttl) end
end`

/** `entry` is the entry in bytes, or false; `bytes` is that with the lease over it, if there is one. */
const READ_ENTRY = `${FORMATS}${SET_KEY}
local bytes = redis.pcall('GET', KEYS[1])
if type(bytes) ~= 'string' then bytes = '' end
local entry = bytes
if is_lease(bytes) then entry = string.sub(bytes, 28) end
if not read_metadata(entry, #entry) then entry = false end`

/** Bytes that contain the metadata of most entries. */
const HEAD_BYTES = 256

/** `metadata` is that of the entry, or nil, and `lease` the one over it, or ''. Payloads are not read. */
const READ_METADATA = `${FORMATS}
local bytes = redis.pcall('GETRANGE', KEYS[1], 0, ${HEAD_BYTES - 1})
if type(bytes) ~= 'string' then bytes = '' end
local lease = is_lease(bytes) and string.sub(bytes, 1, 27) or ''
local head = string.sub(bytes, #lease + 1)
local length = #head
if #bytes == ${HEAD_BYTES} and has_header(head) then
  length = redis.call('STRLEN', KEYS[1]) - #lease
  local payload = payload_at(head)
  if payload > #head and payload <= length then
    head = redis.call('GETRANGE', KEYS[1], #lease, #lease + payload - 2)
  end
end
local metadata = read_metadata(head, length)`

/** KEYS entry; ARGV entry, ttl, entry to replace or ''. Returns 1 if it was set. */
export const ADD = `${READ_ENTRY}
if entry and entry ~= ARGV[3] then return 0 end
set_key(ARGV[1], ARGV[2])
return 1`

/** KEYS entry; ARGV the bytes of both times, ttl. Returns 1 if there was an entry. */
export const TOUCH = `${READ_ENTRY}
if not entry then return 0 end
set_key(string.sub(entry, 1, 10) .. ARGV[1] .. string.sub(entry, 27), ARGV[2])
return 1`

/**
 * KEYS entry; ARGV summand, time in ms, initial entry, its ttl, entry to replace or ''. Returns the sum, or nothing if
 * the value is not an integer.
 */
export const INCREMENT = `${READ_ENTRY}
if entry and entry ~= ARGV[5] and struct.unpack('>d', entry, 11) > tonumber(ARGV[2]) then
  local payload = payload_at(entry)
  local digits = string.sub(entry, payload)
  if not string.match(digits, '^-?%d+$') then return nil end
  local sum = tonumber(digits) + tonumber(ARGV[1])
  if math.abs(sum) > 9007199254740991 then return nil end
  local decimal = string.format('%.0f', sum)
  redis.call('SET', KEYS[1], string.sub(entry, 1, payload - 1) .. decimal, 'KEEPTTL')
  return decimal
end
set_key(ARGV[3], ARGV[4])
return ARGV[1]`

/** KEYS entry. Returns 1 if there was an entry; a lease without an entry, or other bytes, are deleted uncounted. */
export const DELETE = `${READ_METADATA}
redis.call('UNLINK', KEYS[1])
return metadata and 1 or 0`

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/**
 * KEYS entry; ARGV tags. Returns 1 if there was an entry with one of the tags. A lease over it remains: its load may
 * have started after the tags changed.
 */
export const DELETE_TAGGED = `${READ_METADATA}${NOW}
if not metadata then return 0 end
local wanted = {}
for _, tag in ipairs(ARGV) do wanted[tag] = true end
local matches = false
for _, tag in ipairs(metadata[2]) do matches = matches or wanted[tag] end
if not matches then return 0 end
local left = lease == '' and 0 or struct.unpack('>d', lease, 3) - now
-- A Redis whose memory is full refuses to set the lease, but not to delete both.
if left <= 0 or redis.pcall('SET', KEYS[1], lease, 'PX', left).err then redis.call('UNLINK', KEYS[1]) end
return 1`

/**
 * KEYS entry; ARGV token, length of the lease in ms, header of the entry that the caller cannot use, or ''. Returns
 * nothing or, over an entry, 1 if the lease was acquired, else the bytes that are stored: another entry, or the lease
 * of another caller.
 */
export const ACQUIRE_LEASE = `${READ_ENTRY}${NOW}
if is_lease(bytes) and struct.unpack('>d', bytes, 3) > now then return bytes end
if entry and (ARGV[3] == '' or string.sub(entry, 1, #ARGV[3]) ~= ARGV[3]) then return entry end
local length = tonumber(ARGV[2])
local ttl = length
if entry then
  ttl = redis.call('PTTL', KEYS[1])
  if ttl >= 0 and ttl < length then ttl = length end
end
set_key('\\193\\2' .. struct.pack('>d', now + length) .. 'x' .. ARGV[1] .. (entry or ''), ttl)
return entry and 1 or nil`

/** Ends the script with 0 unless the lease with the token in ARGV[1] is stored at the key. */
const CHECK_LEASE = `${FORMATS}${SET_KEY}
local lease = redis.pcall('GETRANGE', KEYS[1], 0, 26)
if type(lease) ~= 'string' or not is_lease(lease) or string.sub(lease, 12) ~= ARGV[1] then return 0 end`

/** KEYS entry; ARGV token. Returns 1 if the lease is still held. */
export const HOLDS_LEASE = `${CHECK_LEASE}
return 1`

/** KEYS entry; ARGV token, length in ms. Returns 1 if the lease was still held. */
export const RENEW_LEASE = `${CHECK_LEASE}${NOW}
local length = tonumber(ARGV[2])
redis.call('SETRANGE', KEYS[1], 2, struct.pack('>d', now + length))
local ttl = redis.call('PTTL', KEYS[1])
if ttl >= 0 and ttl < length then redis.call('PEXPIRE', KEYS[1], length) end
return 1`

/** KEYS entry; ARGV token, channel, entry, ttl. Returns 1 if the lease was still held, so that the entry was set. */
export const FILL_LEASE = `${CHECK_LEASE}
set_key(ARGV[3], ARGV[4])
redis.pcall('PUBLISH', ARGV[2], '')
return 1`

/**
 * KEYS entry; ARGV token, channel, ms of hit-for-miss or 0, and optionally what replaces the stale entry: an entry, or
 * '' to remove it. Returns 1 if the lease was still held.
 */
export const RELEASE_LEASE = `${CHECK_LEASE}${NOW}
local length = tonumber(ARGV[3])
local stale = string.sub(redis.call('GET', KEYS[1]), 28)
if stale ~= '' and ARGV[4] then stale = ARGV[4] end
if length > 0 then
  local ttl = redis.call('PTTL', KEYS[1])
  if stale == '' or (ttl >= 0 and ttl < length) then ttl = length end
  set_key('\\193\\2' .. struct.pack('>d', now + length) .. 'p' .. ARGV[1] .. stale, ttl)
elseif stale == '' then redis.call('UNLINK', KEYS[1])
else redis.call('SET', KEYS[1], stale, 'KEEPTTL') end
redis.pcall('PUBLISH', ARGV[2], '')
return 1`
