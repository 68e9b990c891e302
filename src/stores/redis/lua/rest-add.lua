-- Notes a cool-down; a later end stays. Forgets some that have ended.
-- KEYS[1] counters of the pool  KEYS[2] cool-downs by their end  KEYS[3] cool-downs by their key
-- ARGV[1] channel of change hints  ARGV[2] cool-down as '["<key id>","<model>"]'  ARGV[3] its end, epoch ms  ARGV[4] now, epoch ms
-- Returns 1 when it was noted, else 0.
redis.call('ZCARD', KEYS[3])
redis.call('HLEN', KEYS[1])
local ended = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4], 'LIMIT', 0, 1000)
if #ended > 0 then
  redis.call('ZREM', KEYS[2], unpack(ended))
  redis.call('ZREM', KEYS[3], unpack(ended))
end
local known = redis.call('ZSCORE', KEYS[2], ARGV[2])
if tonumber(ARGV[3]) <= tonumber(ARGV[4]) or (known and tonumber(known) >= tonumber(ARGV[3])) then
  return 0
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
redis.call('ZADD', KEYS[3], 0, ARGV[2])
if redis.call('HEXISTS', KEYS[1], 'rests') == 0 then
  -- A store that lost its data never counts as one that a reader has seen.
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'rests', string.format('%.0f', tonumber(time[1]) * 1000000 + tonumber(time[2])))
end
redis.call('HINCRBY', KEYS[1], 'rests', 1)
redis.call('PUBLISH', ARGV[1], '1')
return 1
