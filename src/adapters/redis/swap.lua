-- KEYS: pointer, who imports, stream of changes, id of its newest entry. ARGV: the pointer as it was
-- seen and most bytes of it, name of who imports, id of the newest change as it was seen, new pointer.
-- All of it or nothing, and everybody hears that everything changed.
if redis.call('GET', KEYS[2]) ~= ARGV[3] then
  return 'lost'
end
local pointer = redis.call('GETRANGE', KEYS[1], 0, ARGV[2])
if pointer == ARGV[5] then
  return 'done' -- asked twice
end
local before = redis.call('GET', KEYS[4]) or '0'
if pointer ~= ARGV[1] or before ~= ARGV[4] then
  return 'raced'
end
local time = redis.call('TIME')
local id = string.format('%.0f', math.max(time[1] * 1000000 + time[2], before + 1))
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 100000, id .. '-0', 'before', before, 'what', '*')
redis.call('SET', KEYS[4], id)
redis.call('SET', KEYS[1], ARGV[5]) -- last: what may fail before it leaves the old one in force
return 'done'
