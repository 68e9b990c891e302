-- Takes all cool-downs of a key away.
-- KEYS[1] counters of the pool  KEYS[2] cool-downs by their end  KEYS[3] cool-downs by their key
-- ARGV[1] channel of change hints  ARGV[2] how the key's cool-downs begin: '["<key id>",'
-- Returns how many there were.
redis.call('ZCARD', KEYS[2])
redis.call('HLEN', KEYS[1])
local found = redis.call('ZRANGEBYLEX', KEYS[3], '[' .. ARGV[2], '(' .. ARGV[2] .. '\255')
if #found == 0 then
  return 0
end
for _, member in ipairs(found) do
  redis.call('ZREM', KEYS[2], member)
  redis.call('ZREM', KEYS[3], member)
end
redis.call('HINCRBY', KEYS[1], 'rests', 1)
redis.call('PUBLISH', ARGV[1], '1')
return #found
