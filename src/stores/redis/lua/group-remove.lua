-- Deletes a pool group and moves its keys to another.
-- KEYS[1] group id -> JSON of name and description  KEYS[2] group id -> priority  KEYS[3] counters of the pool
-- KEYS[4] key ids by revision  KEYS[5] key id -> '<status>\n<fingerprint>\n<pool>'
-- ARGV[1] channel of change hints  ARGV[2] id of the group  ARGV[3] id of the group that takes the keys
-- Returns how many keys were moved, or nothing when there is no such group.
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 0 then
  return false
end
redis.call('HLEN', KEYS[2])
local ids = redis.call('ZRANGE', KEYS[4], 0, -1)
local before = tonumber(redis.call('HGET', KEYS[3], 'revision') or '0')
local revision = before
local ending = '\n' .. ARGV[2]
-- A thousand at a time: more arguments than some thousand do not fit on Lua's stack, and each call costs.
for from = 1, #ids, 1000 do
  local moved, revisions = {}, {}
  for number, facts in ipairs(redis.call('HMGET', KEYS[5], unpack(ids, from, math.min(from + 999, #ids)))) do
    if facts and string.sub(facts, -#ending) == ending then
      local head, pool = string.match(facts, '^([^\n]*\n[^\n]*\n)(.*)$')
      if pool == ARGV[2] then
        revision = revision + 1
        local id = ids[from + number - 1]
        moved[#moved + 1] = id
        moved[#moved + 1] = head .. ARGV[3]
        revisions[#revisions + 1] = string.format('%.0f', revision)
        revisions[#revisions + 1] = id
      end
    end
  end
  if #moved > 0 then
    redis.call('HSET', KEYS[5], unpack(moved))
    redis.call('ZADD', KEYS[4], unpack(revisions))
  end
end
if revision > before then
  redis.call('HSET', KEYS[3], 'revision', string.format('%.0f', revision))
end
redis.call('HDEL', KEYS[1], ARGV[2])
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('PUBLISH', ARGV[1], '1')
return revision - before
