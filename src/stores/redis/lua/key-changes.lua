-- What changed since a revision, oldest change first.
-- KEYS[1] counters of the pool  KEYS[2] key ids by revision  KEYS[3] removed key ids by revision
-- KEYS[4] key id -> '<status>\n<fingerprint>\n<pool>'  KEYS[5] key id -> JSON of all else
-- ARGV[1] revision  ARGV[2] records, and removals, to return at most
-- Returns nothing when the reader has to start over, else {revision that the answer leads to, ids of changed records, their
-- values of KEYS[4], their values of KEYS[5] (one on each line, a missing one is empty), ids of removed records}.
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
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], upTo)
local removed = since > 0 and redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. ARGV[1], upTo) or {}

local facts, details = {}, {}
-- More arguments than some thousand do not fit on Lua's stack.
for from = 1, #ids, 1000 do
  local to = math.min(from + 999, #ids)
  for _, value in ipairs(redis.call('HMGET', KEYS[4], unpack(ids, from, to))) do
    facts[#facts + 1] = value or ''
  end
  for _, value in ipairs(redis.call('HMGET', KEYS[5], unpack(ids, from, to))) do
    details[#details + 1] = value or ''
  end
end
return {upTo, ids, facts, table.concat(details, '\n'), removed}
