import { createHash } from 'node:crypto'
import type { RedisCommands } from './commands.ts'

/** A Lua script, sent by its digest, and in full only to a Redis that does not have it yet. Replies are bytes. */
export function redisScript (commands: RedisCommands, source: string) {
  const { client } = commands
  const digest = createHash('sha1').update(source).digest('hex')

  return async function run (keys: string[], args: Array<string | number | Buffer>): Promise<unknown> {
    const send = (verb: 'EVALSHA' | 'EVAL', script: string) =>
      commands.run(verb, () => client.callBuffer(verb, script, keys.length, ...keys, ...args))
    try {
      return await send('EVALSHA', digest)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await send('EVAL', source)
    }
  }
}

/*
 * What must happen in one step inside Redis. Values come in as KEYS and ARGV alone. The numbers are places in the
 * frames of an entry and of a lease, see entry.ts, counted from 1 as Lua does.
 */

/** As in `unframeEntry`, bytes that are none of ours are no entry. */
const FRAMES = `
local function is_lease (bytes) return #bytes >= 27 and string.sub(bytes, 1, 2) == '\\193\\2' end
local function is_frame (bytes) return #bytes > 30 and string.sub(bytes, 1, 2) == '\\193\\1' end
local function payload_at (frame) return 31 + struct.unpack('>I4', frame, 27) end
-- Stamp and tags of a frame of so many bytes, or nothing; the payload may be missing.
local function meta_of (frame, length)
  if not is_frame(frame) or payload_at(frame) > length then return nil end
  local read, meta = pcall(cmsgpack.unpack, string.sub(frame, 31, payload_at(frame) - 1))
  if read and type(meta) == 'table' and type(meta[1]) == 'string' and type(meta[2]) == 'table' then return meta end
end`

/** `kept` is the entry, or nothing. */
const READ_ENTRY = `${FRAMES}
local bytes = redis.pcall('GET', KEYS[1])
if type(bytes) ~= 'string' then bytes = '' end
local kept = bytes
if is_lease(bytes) then kept = string.sub(bytes, 28) end
if not meta_of(kept, #kept) then kept = false end`

/** Bytes in which the meta data of most entries end. */
const HEAD_BYTES = 256

/** `meta` is that of the entry, or nothing, and `lease` the one that stands over it, or ''; payloads are not read. */
const READ_META = `${FRAMES}
local bytes = redis.pcall('GETRANGE', KEYS[1], 0, ${HEAD_BYTES - 1})
if type(bytes) ~= 'string' then bytes = '' end
local lease = is_lease(bytes) and string.sub(bytes, 1, 27) or ''
local frame = string.sub(bytes, #lease + 1)
local length = #frame
if #bytes == ${HEAD_BYTES} and is_frame(frame) then
  length = redis.call('STRLEN', KEYS[1]) - #lease
  local payload = payload_at(frame)
  if payload > #frame and payload <= length then frame = redis.call('GETRANGE', KEYS[1], #lease, #lease + payload - 2) end
end
local meta = meta_of(frame, length)`

/** KEYS entry; ARGV frame, life in ms or '', frame to replace or ''. Answers 1 when it was set. */
export const ADD = `${READ_ENTRY}
if kept and kept ~= ARGV[3] then return 0 end
if ARGV[2] == '' then redis.call('SET', KEYS[1], ARGV[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1`

/** KEYS entry; ARGV the two times as they stand in the frame, life in ms or ''. Answers 1 when there was one. */
export const TOUCH = `${READ_ENTRY}
if not kept then return 0 end
local frame = string.sub(kept, 1, 10) .. ARGV[1] .. string.sub(kept, 27)
if ARGV[2] == '' then redis.call('SET', KEYS[1], frame) else redis.call('SET', KEYS[1], frame, 'PX', ARGV[2]) end
return 1`

/**
 * KEYS entry; ARGV what to add, now in ms, initial frame, its life in ms or '', frame to replace or ''. Answers the
 * sum, or nothing where there is no integer.
 */
export const INCREMENT = `${READ_ENTRY}
if kept and kept ~= ARGV[5] and struct.unpack('>d', kept, 11) > tonumber(ARGV[2]) then
  local payload = payload_at(kept)
  local digits = string.sub(kept, payload)
  if not string.match(digits, '^-?%d+$') then return nil end
  local sum = tonumber(digits) + tonumber(ARGV[1])
  if math.abs(sum) > 9007199254740991 then return nil end
  local decimal = string.format('%.0f', sum)
  redis.call('SET', KEYS[1], string.sub(kept, 1, payload - 1) .. decimal, 'KEEPTTL')
  return decimal
end
if ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3]) else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
return ARGV[1]`

/** KEYS entry. Answers 1 when there was one: a lease over nothing does not count, nor what is none of ours. */
export const DELETE = `${READ_META}
redis.call('UNLINK', KEYS[1])
return meta and 1 or 0`

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/**
 * KEYS entry; ARGV tags. Answers 1 when there was one that carried one of them. A lease over it stays: it may be that of
 * a load which began since the tags moved.
 */
export const DELETE_TAGGED = `${READ_META}${NOW}
if not meta then return 0 end
local wanted = {}
for _, tag in ipairs(ARGV) do wanted[tag] = true end
local carried = false
for _, tag in ipairs(meta[2]) do carried = carried or wanted[tag] end
if not carried then return 0 end
local left = lease == '' and 0 or struct.unpack('>d', lease, 3) - now
-- A Redis that is full takes the deletion, at the price of the lease.
if left <= 0 or redis.pcall('SET', KEYS[1], lease, 'PX', left).err then redis.call('UNLINK', KEYS[1]) end
return 1`

/**
 * KEYS entry; ARGV token, length of the lease in ms, header of the entry that the caller cannot use, or ''. Returns nothing
 * if the lease was acquired, else the bytes that are stored: another entry, or the lease of another caller.
 */
export const ACQUIRE_LEASE = `${READ_ENTRY}${NOW}
if is_lease(bytes) and struct.unpack('>d', bytes, 3) > now then return bytes end
if kept and (ARGV[3] == '' or string.sub(kept, 1, #ARGV[3]) ~= ARGV[3]) then return kept end
local length = tonumber(ARGV[2])
local life = length
if kept then
  life = redis.call('PTTL', KEYS[1])
  if life >= 0 and life < length then life = length end
end
local lease = '\\193\\2' .. struct.pack('>d', now + length) .. 'x' .. ARGV[1] .. (kept or '')
if life < 0 then redis.call('SET', KEYS[1], lease) else redis.call('SET', KEYS[1], lease, 'PX', life) end
return nil`

/** Ends the script with 0 unless the lease of the token in ARGV[1] stands at the key. */
const HOLD_LEASE = `
local head = redis.pcall('GETRANGE', KEYS[1], 0, 26)
if type(head) ~= 'string' or #head < 27 or string.sub(head, 1, 2) ~= '\\193\\2' or string.sub(head, 12) ~= ARGV[1] then return 0 end`

/** KEYS entry; ARGV token, length in ms. Answers 1 when it is still held. */
export const RENEW_LEASE = `${HOLD_LEASE}${NOW}
local length = tonumber(ARGV[2])
redis.call('SETRANGE', KEYS[1], 2, struct.pack('>d', now + length))
local life = redis.call('PTTL', KEYS[1])
if life >= 0 and life < length then redis.call('PEXPIRE', KEYS[1], length) end
return 1`

/** KEYS entry; ARGV token, channel, frame, its life in ms or ''. Answers 1 when it was set. */
export const FILL_LEASE = `${HOLD_LEASE}
if ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3]) else redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4]) end
redis.pcall('PUBLISH', ARGV[2], '')
return 1`

/**
 * KEYS entry; ARGV token, channel, ms for which all may load side by side, or 0, and a frame that takes the place of
 * that of the old entry, or '', without which that stays. Answers 1 when it was still held.
 */
export const RELEASE_LEASE = `${HOLD_LEASE}${NOW}
local pass = tonumber(ARGV[3])
local old = string.sub(redis.call('GET', KEYS[1]), 28)
if old ~= '' and ARGV[4] then old = ARGV[4] end
if pass > 0 then
  local life = redis.call('PTTL', KEYS[1])
  if old == '' or (life >= 0 and life < pass) then life = pass end
  local lease = '\\193\\2' .. struct.pack('>d', now + pass) .. 'p' .. ARGV[1] .. old
  if life < 0 then redis.call('SET', KEYS[1], lease) else redis.call('SET', KEYS[1], lease, 'PX', life) end
elseif old == '' then redis.call('UNLINK', KEYS[1])
else redis.call('SET', KEYS[1], old, 'KEEPTTL') end
redis.pcall('PUBLISH', ARGV[2], '')
return 1`

/*
 * The version clock. It starts, and starts again after its key was lost, at the time in microseconds: ahead of
 * every value that it had before.
 */
const READ_CLOCK = `
local clock = redis.call('GET', KEYS[1])
if not clock then
  local time = redis.call('TIME')
  clock = time[1] .. string.format('%06d', time[2])
  redis.call('SET', KEYS[1], clock)
end`

/** KEYS clock, tags; ARGV life of a tag in seconds. Answers the clock; tags that are not known moved now at the latest. */
export const STAMP = `${READ_CLOCK}
for i = 2, #KEYS do redis.call('SET', KEYS[i], clock, 'EX', ARGV[1], 'NX') end
return clock`

/**
 * KEYS clock, tags; ARGV stamp, life of a tag in seconds. Returns the position of the first tag that has changed
 * since the stamp, or 0. A tag that is not known, or no longer, counts as changed by the last tick of the clock.
 */
export const FIRST_CHANGED = `${READ_CLOCK}
local stamp = tonumber(string.match(ARGV[1], '^%d+$'))
if not stamp or stamp > tonumber(clock) then return 1 end
local changed = 0
for i = 2, #KEYS do
  local moved = redis.call('GET', KEYS[i])
  if not moved then
    moved = clock
    redis.call('SET', KEYS[i], moved, 'EX', ARGV[2])
  end
  if changed == 0 and tonumber(moved) > stamp then changed = i - 1 end
end
return changed`

/** KEYS clock, tags; ARGV life of a tag in seconds. */
export const INVALIDATE = `${READ_CLOCK}
local moved = string.format('%.0f', redis.call('INCR', KEYS[1]))
for i = 2, #KEYS do redis.call('SET', KEYS[i], moved, 'EX', ARGV[1]) end
return moved`
