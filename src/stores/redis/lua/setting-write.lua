-- Sets and unsets settings of the pool.
-- KEYS[1] name -> JSON
-- ARGV[1] channel of change hints  ARGV[2..] name and JSON in turn; an empty text unsets
-- Returns nothing.
for i = 2, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', KEYS[1], ARGV[i])
  else
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
redis.call('PUBLISH', ARGV[1], '1')
