-- Appends one entry of any kind to its machine's chain.
--
-- KEYS  1 log  2 epoch  3 the machine's latest hash
-- ARGV  1 epoch to set if there is none  2 maximum number of log entries  3 kind  4 machine
--       5 payload
-- Reply { status, position }: status ok | full, position '' when the log is full.

local log, epoch, latest = KEYS[1], KEYS[2], KEYS[3]
local KEPT_SECONDS = 30 * 86400 -- of the epoch, as in append.lua

redis.call('SET', epoch, ARGV[1], 'NX')
redis.call('EXPIRE', epoch, KEPT_SECONDS)
if redis.call('XLEN', log) >= tonumber(ARGV[2]) then return { 'full', '' } end

local previous = redis.call('HGET', latest, '_pos') or '0-0'
local position = redis.call('XADD', log, '*', 'kind', ARGV[3], 'machine', ARGV[4],
  'prev', previous, 'payload', ARGV[5])
redis.call('HSET', latest, '_pos', position)
return { 'ok', position }
