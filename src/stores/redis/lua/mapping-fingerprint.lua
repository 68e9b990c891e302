-- A text that differs whenever the hash of mappings differs, whoever changed it.
-- KEYS[1] hash of mappings  KEYS[2] cached fingerprint
-- ARGV[1] '1' to pass the cache by  ARGV[2] rows above which the result is cached  ARGV[3] ms that it is cached for
-- Returns the text.
-- DUMP costs some 0.8 microseconds for each row. Many processes ask twice a second, so for a large hash they share one
-- answer for a moment; for a small one asking anew is cheaper than the cache.
local size = redis.call('HLEN', KEYS[1])
if size == 0 then
  return 'empty'
end
local large = size > tonumber(ARGV[2])
if large and ARGV[1] ~= '1' then
  local cached = redis.call('GET', KEYS[2])
  if cached then
    return cached
  end
end
local text = size .. ' ' .. redis.sha1hex(redis.call('DUMP', KEYS[1]))
if large then
  -- A Redis that may not write right now (full, a replica) still answers.
  redis.pcall('SET', KEYS[2], text, 'PX', ARGV[3])
end
return text
