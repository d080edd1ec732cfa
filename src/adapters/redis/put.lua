-- KEYS: board, version. ARGV: channel; then field and text in turn.
-- The version comes first: where it can't move, nothing is written. It moves to the server's time in
-- microseconds, so that no version comes twice after the store lost what it had.
local now = redis.call('TIME')
local least = now[1] * 1000000 + now[2]
if redis.call('INCR', KEYS[2]) < least then
  redis.call('SET', KEYS[2], string.format('%.0f', least))
end
for at = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
end
redis.pcall('PUBLISH', ARGV[1], '') -- only a hint
