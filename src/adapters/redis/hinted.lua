-- KEYS: vehicles of a subject or case. ARGV: how many.
-- The newest first. What can't be a VIN comes back empty: it could be of any size.
local found = redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)
for at, vin in ipairs(found) do
  if #vin ~= 17 then
    found[at] = ''
  end
end
return found
