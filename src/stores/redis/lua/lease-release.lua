-- Gives a lease back.
-- KEYS[1] name -> '<until epoch ms> <holder>'
-- ARGV[1] name  ARGV[2] holder
-- Returns 1 when the holder had it, else 0.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known and string.match(known, '^%S+ (.*)$') == ARGV[2] then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
