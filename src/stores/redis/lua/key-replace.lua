-- Changes a key record that nobody has changed since it was read.
-- KEYS[1] counters of the pool  KEYS[2] key ids by revision
-- KEYS[3] key id -> '<status>\n<fingerprint>\n<pool>'  KEYS[4] key id -> JSON of all else  KEYS[5] fingerprint -> key id
-- ARGV[1] channel of change hints  ARGV[2] id  ARGV[3] revision at which it was read  ARGV[4] new fingerprint
-- ARGV[5] new value for KEYS[3]  ARGV[6] new value for KEYS[4]
-- Returns 'updated', 'missing', 'again' (somebody changed it) or 'duplicate' (the fingerprint belongs to another record).
local id, fingerprint = ARGV[2], ARGV[4]
local found = redis.call('ZSCORE', KEYS[2], id)
local facts = redis.call('HGET', KEYS[3], id)
if not found or not facts then
  return 'missing'
end
if tonumber(found) ~= tonumber(ARGV[3]) then
  return 'again'
end
local owner = redis.call('HGET', KEYS[5], fingerprint)
if owner and owner ~= id then
  return 'duplicate'
end
redis.call('HLEN', KEYS[4])
local before = string.match(facts, '^[^\n]*\n([^\n]*)')
local revision = string.format('%.0f', tonumber(redis.call('HGET', KEYS[1], 'revision')) + 1)
if before ~= fingerprint then
  redis.call('HDEL', KEYS[5], before)
  redis.call('HSET', KEYS[5], fingerprint, id)
end
redis.call('HSET', KEYS[3], id, ARGV[5])
redis.call('HSET', KEYS[4], id, ARGV[6])
redis.call('ZADD', KEYS[2], revision, id)
redis.call('HSET', KEYS[1], 'revision', revision)
redis.call('PUBLISH', ARGV[1], '1')
return 'updated'
