-- KEYS: texts, their order, its newest place. ARGV: field, revision and sealed text in turn.
-- Places are the server's time in microseconds at least, so that none comes twice after entries were lost.
-- The newest place comes first: where it can't move, nothing is written.
local time = redis.call('TIME')
local newest = tonumber(redis.call('GET', KEYS[3]) or '0') or 0
if not (newest >= 0 and newest < 2 ^ 53) then newest = 0 end
local place = math.max(time[1] * 1000000 + time[2], newest)
redis.call('SET', KEYS[3], string.format('%.0f', place + #ARGV / 3))
for at = 1, #ARGV, 3 do
  local field = ARGV[at]
  local held = redis.call('HGET', KEYS[1], field)
  local known = held and tonumber(string.match(held, '^(%d+) '))
  local listed = tonumber(redis.call('ZSCORE', KEYS[2], field) or '') or 2 ^ 53
  if not known or listed > newest or known < tonumber(ARGV[at + 1]) then
    place = place + 1
    redis.call('HSET', KEYS[1], field, ARGV[at + 1] .. ' ' .. ARGV[at + 2])
    redis.call('ZADD', KEYS[2], string.format('%.0f', place), field)
  end
end
redis.call('SET', KEYS[3], string.format('%.0f', place))
