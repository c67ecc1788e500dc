-- A machine's entries after a position, newest first, by following `prev` back from its newest.
--
-- KEYS  1 log  2 epoch  3 the machine's latest hash      (read only)
-- ARGV  1 the position after which  2 maximum number of items
-- Reply { epoch, newest position, complete (1 or 0), id, prev, kind, n, payload, id, prev, ... }:
--       n is '' for an entry that does not count its items; each such entry is one item.

local position = redis.call('HGET', KEYS[3], '_pos') or '0-0'
local reply = { redis.call('GET', KEYS[2]) or '', position, 1 }
local items, max_items = 0, tonumber(ARGV[2])

local function incomplete()
  reply[3] = 0
  return reply
end

while position ~= ARGV[1] do
  local entry = position ~= '0-0' and redis.call('XRANGE', KEYS[1], position, position)[1]
  -- None: trimmed, or the position is not one of this machine's.
  if not entry then return incomplete() end
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  items = items + (tonumber(fields['n']) or 1)
  if items > max_items or not fields['prev'] then return incomplete() end
  for _, value in ipairs({
    position, fields['prev'], fields['kind'] or '', fields['n'] or '',
    fields['readings'] or fields['payload'] or '[]',
  }) do
    reply[#reply + 1] = value
  end
  position = fields['prev']
end
return reply
