-- Adds or replaces a pool group.
-- KEYS[1] group id -> JSON of name and description  KEYS[2] group id -> priority
-- ARGV[1] channel of change hints  ARGV[2] id  ARGV[3] JSON  ARGV[4] priority
-- Returns nothing.
redis.call('HLEN', KEYS[2])
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('PUBLISH', ARGV[1], '1')
