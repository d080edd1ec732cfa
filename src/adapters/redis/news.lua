-- KEYS: stream, id of its newest entry. ARGV: id of the last entry that was read.
-- The newest id; then id, id before and what changed of each entry since, as many as are read at once.
local answer = { redis.call('GET', KEYS[2]) or '0' }
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1] .. '-0', '+', 'COUNT', 1000)) do
  local fields = entry[2]
  table.insert(answer, (string.gsub(entry[1], '%-0$', '')))
  table.insert(answer, fields[2] or '')
  table.insert(answer, fields[4] or '')
end
return answer
