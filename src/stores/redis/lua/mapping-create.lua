-- Adds a mapping unless its prefix exists.
-- KEYS[1] hash of mappings  KEYS[2] mark of a store that was written to  KEYS[3] cached fingerprint
-- ARGV[1] prefix  ARGV[2] target  ARGV[3] channel of change hints
-- Returns 1 when it was added, 0 when the prefix exists.
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return 0
end
redis.call('SET', KEYS[2], '1')
redis.call('DEL', KEYS[3])
redis.call('PUBLISH', ARGV[3], '1')
return 1
