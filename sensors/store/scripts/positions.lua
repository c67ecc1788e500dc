-- The newest positions: of the log, and of machines.
--
-- KEYS  1 log  2 epoch  3.. the machines' latest hashes      (read only)
-- Reply { epoch, newest position, then each machine's }, '' where there is none.

local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local reply = { redis.call('GET', KEYS[2]) or '', newest and newest[1] or '' }
for i = 3, #KEYS do
  -- A key of the wrong type must not hide the positions of the other machines.
  local position = redis.pcall('HGET', KEYS[i], '_pos')
  reply[i] = type(position) == 'string' and position or ''
end
return reply
