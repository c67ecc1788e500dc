-- A machine's entries after a position, newest first, by following `prev` back from its newest.
--
-- KEYS  1 log  2 epoch  3 the machine's latest hash      (read only)
-- ARGV  1 the position after which  2 most readings
-- Reply { epoch, newest position, complete (1 or 0), id, prev, n, readings, id, prev, ... }

local position = redis.call('HGET', KEYS[3], '_pos') or '0-0'
local reply = { redis.call('GET', KEYS[2]) or '', position, 1 }
local readings, most = 0, tonumber(ARGV[2])

while position ~= ARGV[1] do
  local found = position ~= '0-0' and redis.call('XRANGE', KEYS[1], position, position)[1]
  if not found then -- trimmed, or the position is not one of this machine's
    reply[3] = 0
    return reply
  end
  local fields = {}
  for i = 1, #found[2], 2 do fields[found[2][i]] = found[2][i + 1] end
  readings = readings + tonumber(fields['n'])
  if readings > most then
    reply[3] = 0
    return reply
  end
  for _, value in ipairs({ position, fields['prev'], fields['n'], fields['readings'] }) do
    reply[#reply + 1] = value
  end
  position = fields['prev']
end
return reply
