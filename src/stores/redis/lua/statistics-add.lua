-- Adds one batch of counters to its buckets, exactly once for each writer and sequence.
-- KEYS[1] hash of writers: writer -> '<sequence>:<seen epoch ms>'  KEYS[2] hash of series -> latest event, epoch ms
-- KEYS[3..6] sorted sets of the buckets there are: minute, hour, day, total; member '<start ms> <family>', score start ms
-- KEYS[7..] hashes of the buckets: series -> MessagePack map of field -> count
-- ARGV[1] writer  ARGV[2] sequence  ARGV[3] latest event of the batch, epoch ms
-- ARGV[4] MessagePack array, one for each bucket key: {number of its sorted set 1-4, member, {series, {field: amount}, ...}}
-- ARGV[5] MessagePack array {series, latest event in epoch ms, ...}
-- Returns 1 when the batch was applied, 0 when it had been before.
-- Everything is read before the first write: a script is not undone when it fails half way (a key of a wrong type).
local known = redis.call('HGET', KEYS[1], ARGV[1])
local seen = tonumber(ARGV[3])
if known then
  local sequence, seenBefore = string.match(known, '^(%d+):(%d+)$')
  if tonumber(ARGV[2]) <= tonumber(sequence) then
    return 0
  end
  seen = math.max(seen, tonumber(seenBefore))
end

local writes = {}
local buckets = cmsgpack.unpack(ARGV[4])
for number, bucket in ipairs(buckets) do
  local key = KEYS[6 + number]
  redis.call('ZSCORE', KEYS[2 + bucket[1]], bucket[2])
  local pairsOfSeries = bucket[3]
  for i = 1, #pairsOfSeries, 2 do
    local series, counts = pairsOfSeries[i], pairsOfSeries[i + 1]
    local packed = redis.call('HGET', key, series)
    if packed then
      local sums = cmsgpack.unpack(packed)
      for field, amount in pairs(counts) do
        sums[field] = (sums[field] or 0) + amount
      end
      counts = sums
    end
    writes[#writes + 1] = {'HSET', key, series, cmsgpack.pack(counts)}
  end
end

local latest = cmsgpack.unpack(ARGV[5])
for i = 1, #latest, 2 do
  local before = redis.call('HGET', KEYS[2], latest[i])
  if not before or latest[i + 1] > tonumber(before) then
    writes[#writes + 1] = {'HSET', KEYS[2], latest[i], string.format('%.0f', latest[i + 1])}
  end
end

redis.call('HSET', KEYS[1], ARGV[1], string.format('%s:%.0f', ARGV[2], seen))
for _, bucket in ipairs(buckets) do
  redis.call('ZADD', KEYS[2 + bucket[1]], string.match(bucket[2], '^%d+'), bucket[2])
end
for _, write in ipairs(writes) do
  redis.call(unpack(write))
end
return 1
