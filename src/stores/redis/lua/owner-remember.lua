-- Notes which key made an object; of too many objects, those that were remembered first go.
-- KEYS[1] object id -> '<until epoch ms> <key id>'  KEYS[2] object ids in order  KEYS[3] counters of the pool
-- ARGV[1] object id  ARGV[2] value for KEYS[1]  ARGV[3] objects kept at most
-- Returns nothing.
redis.call('ZCARD', KEYS[2])
redis.call('HLEN', KEYS[1])
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  redis.call('ZADD', KEYS[2], redis.call('HINCRBY', KEYS[3], 'owners', 1), ARGV[1])
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3])
if over > 0 then
  local first = redis.call('ZPOPMIN', KEYS[2], over)
  for i = 1, #first, 2 do
    redis.call('HDEL', KEYS[1], first[i])
  end
end
