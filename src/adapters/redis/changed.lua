-- KEYS: stream, id of its newest entry. ARGV: what changed.
-- Ids are the server's time in microseconds, so that none comes twice after entries were lost.
local before = redis.call('GET', KEYS[2]) or '0'
local time = redis.call('TIME')
local id = string.format('%.0f', math.max(time[1] * 1000000 + time[2], before + 1))
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 100000, id .. '-0', 'before', before, 'what', ARGV[1])
redis.call('SET', KEYS[2], id)
