-- Fills a store that holds no mappings.
-- KEYS[1] hash of mappings  KEYS[2] mark of a store that was written to  KEYS[3] cached fingerprint
-- ARGV[1] channel of change hints  ARGV[2] '1' to fill a store that was emptied too  ARGV[3..] prefix and target in turn
-- Returns 1 when the rows were written, else 0.
if redis.call('HLEN', KEYS[1]) > 0 then
  return 0
end
if ARGV[2] ~= '1' and redis.call('EXISTS', KEYS[2]) == 1 then
  return 0
end
for i = 3, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('SET', KEYS[2], '1')
redis.call('DEL', KEYS[3])
redis.call('PUBLISH', ARGV[1], '1')
return 1
