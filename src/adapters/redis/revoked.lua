-- KEYS: texts, their order, its newest place. ARGV: place after which, most of them, most bytes of a text.
-- The newest place and how many there are; then place, field and text of each. What is too large comes
-- back empty; what has no place that this fleet gave is not there.
local number = function(value) return string.format('%.0f', value) end
local newest = tonumber(redis.call('GET', KEYS[3]) or '0') or 0
if not (newest >= 0 and newest < 2 ^ 53) then newest = 0 end
local count = math.min(redis.call('HLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]))
local answer = { number(newest), number(count) }
local found = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[1], number(newest), 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for at = 1, #found, 2 do
  local text = ''
  if redis.call('HSTRLEN', KEYS[1], found[at]) <= tonumber(ARGV[3]) then
    text = redis.call('HGET', KEYS[1], found[at]) or ''
  end
  table.insert(answer, number(tonumber(found[at + 1])))
  table.insert(answer, found[at])
  table.insert(answer, text)
end
return answer
