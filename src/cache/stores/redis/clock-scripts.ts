/*
 * The scripts of the version clock. It starts at the time in microseconds, and starts there again if its key was lost:
 * that is ahead of all its earlier values.
 */
const READ_CLOCK = `
local clock = redis.call('GET', KEYS[1])
if not clock then
  local time = redis.call('TIME')
  clock = time[1] .. string.format('%06d', time[2])
  redis.call('SET', KEYS[1], clock)
end`

/** Reads the stamp in ARGV[1]. With one that the clock has not reached, or that is no number, all tags have changed. */
const READ_STAMP = `${READ_CLOCK}
local stamp = tonumber(string.match(ARGV[1], '^%d+$'))
if not stamp or stamp > tonumber(clock) then return 1 end`

/**
 * KEYS clock, tags; ARGV ttl of a tag in seconds. Returns the clock. Unknown tags count as changed at this moment. If
 * Redis refuses writes they stay unknown, so that the next change of any tag counts as theirs.
 */
export const STAMP = `${READ_CLOCK}
for i = 2, #KEYS do redis.pcall('SET', KEYS[i], clock, 'EX', ARGV[1], 'NX') end
return clock`

/**
 * KEYS clock, tags; ARGV stamp, ttl of a tag in seconds. Returns the position of the first tag that has changed since
 * the stamp, or 0. A tag that is unknown, or has expired, counts as changed by the last tick of the clock.
 */
export const FIRST_CHANGED = `${READ_STAMP}
local position = 0
for i = 2, #KEYS do
  local changed_at = redis.call('GET', KEYS[i])
  if not changed_at then
    changed_at = clock
    redis.pcall('SET', KEYS[i], changed_at, 'EX', ARGV[2])
  end
  if position == 0 and tonumber(changed_at) > stamp then position = i - 1 end
end
return position`

/**
 * KEYS clock, tags, and for each tag the key of its last invalidation, which is there if the tag has expired since;
 * ARGV ttl of a tag in seconds.
 */
export const INVALIDATE = `${READ_CLOCK}
local changed_at = string.format('%.0f', redis.call('INCR', KEYS[1]))
local count = (#KEYS - 1) / 2
for i = 2, count + 1 do
  redis.call('SET', KEYS[i], changed_at, 'EX', ARGV[1])
  redis.call('UNLINK', KEYS[i + count])
end
return changed_at`

/** KEYS and ARGV as for INVALIDATE. */
export const EXPIRE = `${READ_CLOCK}
local changed_at = string.format('%.0f', redis.call('INCR', KEYS[1]))
local count = (#KEYS - 1) / 2
for i = 2, count + 1 do
  local invalidated_at = redis.call('GET', KEYS[i + count]) or redis.call('GET', KEYS[i]) or clock
  redis.call('SET', KEYS[i + count], invalidated_at, 'EX', ARGV[1])
  redis.call('SET', KEYS[i], changed_at, 'EX', ARGV[1])
end
return changed_at`

/** KEYS as for INVALIDATE; ARGV stamp. Returns the position of the first tag that was invalidated since, or 0. */
export const FIRST_INVALIDATED = `${READ_STAMP}
local count = (#KEYS - 1) / 2
for i = 2, count + 1 do
  local invalidated_at = redis.call('GET', KEYS[i + count]) or redis.call('GET', KEYS[i]) or clock
  if tonumber(invalidated_at) > stamp then return i - 1 end
end
return 0`
