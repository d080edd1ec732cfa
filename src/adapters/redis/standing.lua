-- KEYS: pointer, who imports, id of the newest change. ARGV: most bytes of each.
return {
  redis.call('GETRANGE', KEYS[1], 0, ARGV[1]),
  redis.call('GETRANGE', KEYS[2], 0, ARGV[1]),
  redis.call('GET', KEYS[3]) or '0',
}
