-- Adds or overwrites many mappings.
-- KEYS[1] hash of mappings  KEYS[2] mark of a store that was written to  KEYS[3] cached fingerprint
-- ARGV[1] channel of change hints  ARGV[2..] prefix and target in turn
-- Returns nothing.
-- The type is checked before the first write: a script is not undone when it fails half way.
redis.call('HLEN', KEYS[1])
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('SET', KEYS[2], '1')
redis.call('DEL', KEYS[3])
redis.call('PUBLISH', ARGV[1], '1')
