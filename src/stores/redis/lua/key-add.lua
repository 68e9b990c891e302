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
local latest = redis.call('HGET', KEYS[1], 'revision')
local revision
if latest then
  revision = tonumber(latest)
else
  -- A store that lost its data goes on above all revisions that were ever given.
  local time = redis.call('TIME')
  revision = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local before = revision

-- Ids and fingerprints that this call has added.
local newIds, newFingerprints = {}, {}

local function anyExists(others)
  for other in string.gmatch(others, '[^\n]+') do
    if newFingerprints[other] or redis.call('HEXISTS', KEYS[6], other) == 1 then
      return true
    end
  end
  return false
end

local added = {}
-- A thousand at a time: more arguments than some thousand do not fit on Lua's stack, and each call costs.
for from = 2, #ARGV, 5000 do
  local to = math.min(from + 4999, #ARGV)
  local ids, fingerprints = {}, {}
  for i = from, to, 5 do
    ids[#ids + 1] = ARGV[i]
    fingerprints[#fingerprints + 1] = ARGV[i + 1]
  end
  local known = redis.call('HMGET', KEYS[4], unpack(ids))
  local owners = redis.call('HMGET', KEYS[6], unpack(fingerprints))
  local fresh, facts, details, prints, revisions = {}, {}, {}, {}, {}
  for number, id in ipairs(ids) do
    local fingerprint, at = fingerprints[number], from + 5 * (number - 1)
    local isKnown = known[number] or owners[number] or newIds[id] or newFingerprints[fingerprint]
    if not isKnown and not anyExists(ARGV[at + 4]) then
      revision = revision + 1
      newIds[id] = true
      newFingerprints[fingerprint] = true
      local last = 2 * #fresh
      fresh[#fresh + 1] = id
      facts[last + 1], facts[last + 2] = id, ARGV[at + 2]
      details[last + 1], details[last + 2] = id, ARGV[at + 3]
      prints[last + 1], prints[last + 2] = fingerprint, id
      revisions[last + 1], revisions[last + 2] = string.format('%.0f', revision), id
      added[#added + 1] = id
    end
  end
  if #fresh > 0 then
    redis.call('HSET', KEYS[4], unpack(facts))
    redis.call('HSET', KEYS[5], unpack(details))
    redis.call('HSET', KEYS[6], unpack(prints))
    redis.call('ZADD', KEYS[2], unpack(revisions))
    redis.call('ZREM', KEYS[3], unpack(fresh))
  end
end
if revision > before then
  if not latest then
    redis.call('HSET', KEYS[1], 'floor', string.format('%.0f', before))
  end
  redis.call('HSET', KEYS[1], 'revision', string.format('%.0f', revision))
  redis.call('PUBLISH', ARGV[1], '1')
end
return added
