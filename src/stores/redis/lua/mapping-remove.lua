-- Deletes a mapping, where wanted only if it still says what the writer saw.
-- KEYS[1] hash of mappings  KEYS[2] mark of a store that was written to  KEYS[3] cached fingerprint
-- ARGV[1] prefix  ARGV[2] channel of change hints  ARGV[3] expected target, may be left out
-- Returns 'removed', 'missing' or 'changed'.
local found = redis.call('HGET', KEYS[1], ARGV[1])
if not found then
  return 'missing'
end
if ARGV[3] and found ~= ARGV[3] then
  return 'changed'
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], '1')
redis.call('DEL', KEYS[3])
redis.call('PUBLISH', ARGV[2], '1')
return 'removed'
