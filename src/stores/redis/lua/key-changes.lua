-- Which keys changed since a revision, oldest change first.
-- KEYS[1] counters of the pool  KEYS[2] key ids by revision  KEYS[3] removed key ids by revision
-- ARGV[1] revision  ARGV[2] changed ids, and removed ids, to return at most
-- Returns nothing when the reader has to start over, else {revision that the answer leads to, changed ids, removed ids}.
local counters = redis.call('HMGET', KEYS[1], 'revision', 'floor')
local latest, floor = counters[1] or '0', counters[2] or '0'
local since, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
if since > tonumber(latest) or (since > 0 and since < tonumber(floor)) then
  return false
end

-- Whoever reads from the beginning knows no record that could be gone.
local lists = since > 0 and {KEYS[2], KEYS[3]} or {KEYS[2]}
-- The answer leads up to where one of the lists reaches the limit.
local upTo = latest
for _, key in ipairs(lists) do
  local last = redis.call('ZRANGEBYSCORE', key, '(' .. ARGV[1], upTo, 'WITHSCORES', 'LIMIT', limit - 1, 1)
  upTo = last[2] or upTo
end
local changed = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], upTo)
local removed = since > 0 and redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], upTo) or {}
return {upTo, changed, removed}
