-- The newest positions: of the log, and of machines.
--
-- KEYS  1 log  2 epoch  3.. the machines' latest hashes      (read only)
-- Reply { epoch, newest position, then each machine's }, a position that there is none of as ''.

local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local reply = { redis.call('GET', KEYS[2]) or '', newest and newest[1] or '' }
for at = 3, #KEYS do
  reply[at] = redis.call('HGET', KEYS[at], '_pos') or ''
end
return reply
