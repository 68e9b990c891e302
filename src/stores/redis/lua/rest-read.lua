-- All cool-downs, unless the reader has them already.
-- KEYS[1] counters of the pool  KEYS[2] cool-downs by their end
-- ARGV[1] state that the reader has, as an earlier call returned it
-- Returns {state} when it still is that, else {state, JSON of [["<key id>","<model>"], end in epoch ms, ...]}.
local state = redis.call('HGET', KEYS[1], 'rests') or 'none'
if state == ARGV[1] then
  return {state}
end
return {state, '[' .. table.concat(redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES'), ',') .. ']'}
