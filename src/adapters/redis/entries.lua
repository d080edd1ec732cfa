-- KEYS: board. ARGV: most fields, most bytes of one text, most bytes in all.
-- What is too large is told here, before it is sent.
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[1]) then
  return redis.error_reply('TOOLARGE too many fields')
end
local all = redis.call('HGETALL', KEYS[1])
local bytes = 0
for at = 1, #all do
  if #all[at] > tonumber(ARGV[2]) then
    return redis.error_reply('TOOLARGE one entry')
  end
  bytes = bytes + #all[at]
end
if bytes > tonumber(ARGV[3]) then
  return redis.error_reply('TOOLARGE in all')
end
return all
