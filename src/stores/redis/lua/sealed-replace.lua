-- Replaces a sealed value that still has the version its writer saw.
-- KEYS[1] name -> '<version> <sealed>'
-- ARGV[1] name  ARGV[2] sealed  ARGV[3] expected version, 0 for none
-- Returns 1 when it was replaced, else 0.
local known = redis.call('HGET', KEYS[1], ARGV[1])
local version = 0
if known then
  version = tonumber(string.match(known, '^%d+'))
end
if version ~= tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s', version + 1, ARGV[2]))
return 1
