-- KEYS: words. ARGV: name, text, milliseconds until it is forgotten; a channel, if it hints.
-- A hash of `END:TEXT`, its ends by the server's clock. Who is forgotten is removed by who comes.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all = redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local ends = tonumber(string.match(all[at + 1], '^(%d+):'))
  if not ends or ends <= now then
    redis.call('HDEL', KEYS[1], all[at])
  end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f:', now + ARGV[3]) .. ARGV[2])
-- The hash lives as long as the one who is forgotten last.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
if ARGV[4] then
  redis.pcall('PUBLISH', ARGV[4], '') -- only a hint
end
