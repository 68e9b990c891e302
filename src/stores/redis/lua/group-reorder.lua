-- Sets the priorities of pool groups. Groups that do not exist are passed over.
-- KEYS[1] group id -> JSON of name and description  KEYS[2] group id -> priority
-- ARGV[1] channel of change hints  ARGV[2] id of the group that exists without being stored  ARGV[3..] id and priority in turn
-- Returns nothing.
redis.call('HLEN', KEYS[1])
redis.call('HLEN', KEYS[2])
for i = 3, #ARGV, 2 do
  if ARGV[i] == ARGV[2] or redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
end
redis.call('PUBLISH', ARGV[1], '1')
