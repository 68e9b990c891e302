-- Adds key records. Those whose id or one of whose fingerprints exists are left out.
-- KEYS[1] counters of the pool  KEYS[2] key ids by revision  KEYS[3] removed key ids by revision
-- KEYS[4] key id -> '<status>\n<fingerprint>\n<pool>'  KEYS[5] key id -> JSON of all else  KEYS[6] fingerprint -> key id
-- ARGV[1] channel of change hints
-- ARGV[2..] for each record: id, fingerprint, value for KEYS[4], value for KEYS[5], other fingerprints (one on each line)
-- Returns the ids that were added.
-- The types are checked before the first write: a script is not undone when it fails half way.
for _, key in ipairs({KEYS[4], KEYS[5], KEYS[6]}) do
  redis.call('HLEN', key)
end
redis.call('ZCARD', KEYS[2])
redis.call('ZCARD', KEYS[3])
local known = redis.call('HGET', KEYS[1], 'revision')
local revision
if known then
  revision = tonumber(known)
else
  -- A store that lost its data goes on above all revisions that were ever given.
  local time = redis.call('TIME')
  revision = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local before = revision

local function exists(fingerprint, others)
  if redis.call('HEXISTS', KEYS[6], fingerprint) == 1 then
    return true
  end
  for other in string.gmatch(others, '[^\n]+') do
    if redis.call('HEXISTS', KEYS[6], other) == 1 then
      return true
    end
  end
  return false
end

local added = {}
for i = 2, #ARGV, 5 do
  local id, fingerprint = ARGV[i], ARGV[i + 1]
  if redis.call('HEXISTS', KEYS[4], id) == 0 and not exists(fingerprint, ARGV[i + 4]) then
    revision = revision + 1
    redis.call('HSET', KEYS[4], id, ARGV[i + 2])
    redis.call('HSET', KEYS[5], id, ARGV[i + 3])
    redis.call('HSET', KEYS[6], fingerprint, id)
    redis.call('ZADD', KEYS[2], string.format('%.0f', revision), id)
    redis.call('ZREM', KEYS[3], id)
    added[#added + 1] = id
  end
end
if revision > before then
  if not known then
    redis.call('HSET', KEYS[1], 'floor', string.format('%.0f', before))
  end
  redis.call('HSET', KEYS[1], 'revision', string.format('%.0f', revision))
  redis.call('PUBLISH', ARGV[1], '1')
end
return added
