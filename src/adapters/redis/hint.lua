-- KEYS: vehicles of a subject or case. ARGV: `name` or `forget`, revision of the record, VIN.
-- The newest record of a vehicle has the last word, in whatever order they come.
local known = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[3]) or '0')
if ARGV[1] == 'name' and known < tonumber(ARGV[2]) then
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[3])
elseif ARGV[1] == 'forget' and known <= tonumber(ARGV[2]) then
  redis.call('ZREM', KEYS[1], ARGV[3])
end
