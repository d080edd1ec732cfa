-- KEYS: who imports. ARGV: name, milliseconds until it is forgotten, `take` or `keep`.
-- Microseconds by the server's clock; 0 where somebody else holds it, or, who wants to keep it, nobody.
local holder = redis.call('GET', KEYS[1])
if holder ~= ARGV[1] and (holder or ARGV[3] == 'keep') then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local time = redis.call('TIME')
return time[1] * 1000000 + time[2]
