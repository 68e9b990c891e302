-- Deletes key records, where wanted only those of one status.
-- KEYS[1] counters of the pool  KEYS[2] key ids by revision  KEYS[3] removed key ids by revision
-- KEYS[4] key id -> '<status>\n<fingerprint>\n<pool>'  KEYS[5] key id -> JSON of all else  KEYS[6] fingerprint -> key id
-- ARGV[1] channel of change hints  ARGV[2] status that a record must have, or ''
-- ARGV[3] removals that are remembered at least  ARGV[4..] ids, 2,000 at most
-- Returns the ids that were removed.
for _, key in ipairs({KEYS[5], KEYS[6]}) do
  redis.call('HLEN', key)
end
redis.call('ZCARD', KEYS[2])
redis.call('ZCARD', KEYS[3])
local revision = tonumber(redis.call('HGET', KEYS[1], 'revision') or '0')
local ids, fingerprints, removals, seen = {}, {}, {}, {}
for i = 4, #ARGV do
  local id = ARGV[i]
  local facts = not seen[id] and redis.call('HGET', KEYS[4], id)
  if facts then
    local status, fingerprint = string.match(facts, '^([^\n]*)\n([^\n]*)')
    if ARGV[2] == '' or ARGV[2] == status then
      revision = revision + 1
      seen[id] = true
      ids[#ids + 1] = id
      fingerprints[#fingerprints + 1] = fingerprint
      removals[#removals + 1] = string.format('%.0f', revision)
      removals[#removals + 1] = id
    end
  end
end
if #ids == 0 then
  return ids
end
redis.call('HDEL', KEYS[4], unpack(ids))
redis.call('HDEL', KEYS[5], unpack(ids))
redis.call('HDEL', KEYS[6], unpack(fingerprints))
redis.call('ZREM', KEYS[2], unpack(ids))
redis.call('ZADD', KEYS[3], unpack(removals))

-- When the removals have become many they are forgotten. Records that stay move above the forgotten revisions, so a reader
-- whose revision is under the floor may have missed something, and one that is above it cannot have.
local count = redis.call('ZCARD', KEYS[3])
if count > tonumber(ARGV[3]) and count > redis.call('ZCARD', KEYS[2]) then
  redis.call('DEL', KEYS[3])
  revision = revision + 1
  redis.call('HSET', KEYS[1], 'floor', string.format('%.0f', revision))
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    revision = revision + 1
    redis.call('ZADD', KEYS[2], string.format('%.0f', revision), id)
  end
end
redis.call('HSET', KEYS[1], 'revision', string.format('%.0f', revision))
redis.call('PUBLISH', ARGV[1], '1')
return ids
