-- Forgets writers that have been silent.
-- KEYS[1] hash of writers: writer -> '<sequence>:<seen epoch ms>'
-- ARGV[1] epoch ms; writers last seen before it go
-- Returns how many went.
local gone = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local seen = string.match(all[i + 1], ':(%d+)$')
  if tonumber(seen) < tonumber(ARGV[1]) then
    gone = gone + redis.call('HDEL', KEYS[1], all[i])
  end
end
return gone
