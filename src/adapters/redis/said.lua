-- KEYS: words. ARGV: as for the entries.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[1]) then
  return redis.error_reply('TOOLARGE too many words')
end
local all = redis.call('HGETALL', KEYS[1])
local alive = {}
local bytes = 0
for at = 1, #all, 2 do
  local ends, text = string.match(all[at + 1], '^(%d+):(.*)$')
  if ends and tonumber(ends) > now then
    bytes = bytes + #all[at] + #text
    table.insert(alive, all[at])
    table.insert(alive, text)
  end
end
if bytes > tonumber(ARGV[2]) then
  return redis.error_reply('TOOLARGE in all')
end
return alive
