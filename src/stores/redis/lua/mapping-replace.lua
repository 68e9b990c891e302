-- Changes the target of a mapping, where wanted only if it still says what the writer saw.
-- KEYS[1] hash of mappings  KEYS[2] cached fingerprint
-- ARGV[1] prefix  ARGV[2] target  ARGV[3] channel of change hints  ARGV[4] expected target, may be left out
-- Returns 'replaced', 'missing' or 'changed'.
local found = redis.call('HGET', KEYS[1], ARGV[1])
if not found then
  return 'missing'
end
if ARGV[4] and found ~= ARGV[4] then
  return 'changed'
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', ARGV[3], '1')
return 'replaced'
