-- KEYS: board, version. ARGV: channel; then fields.
-- Removing comes first: it is allowed where there is no room left, and makes room.
local removed = 0
for at = 2, #ARGV do
  removed = removed + redis.call('HDEL', KEYS[1], ARGV[at])
end
if removed > 0 then
  local now = redis.call('TIME')
  local least = now[1] * 1000000 + now[2]
  if redis.call('INCR', KEYS[2]) < least then
    redis.call('SET', KEYS[2], string.format('%.0f', least))
  end
  redis.pcall('PUBLISH', ARGV[1], '')
end
