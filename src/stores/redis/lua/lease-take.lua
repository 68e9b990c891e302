-- Takes or extends a lease.
-- KEYS[1] name -> '<until epoch ms> <holder>'
-- ARGV[1] name  ARGV[2] holder  ARGV[3] now, epoch ms  ARGV[4] until, epoch ms
-- Returns 1 when the holder has it, 0 when another has.
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  local untilMs, holder = string.match(known, '^(%S+) (.*)$')
  if holder ~= ARGV[2] and tonumber(untilMs) > tonumber(ARGV[3]) then
    return 0
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[4] .. ' ' .. ARGV[2])
return 1
