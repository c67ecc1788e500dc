-- Appends one flush of requests to the log: checks all rows of a request before it writes any.
--
-- KEYS  1 log  2 epoch  3 metrics
-- ARGV  1 epoch to set if there is none  2 seconds a reading is remembered  3 most log entries
--       4 most readings in an entry  5 prefix of seen  6 prefix of rate limits  7 prefix of latest
--       8 number of requests; then for each request:
--       key id ('' for no limit), limit, window seconds, 'all' or 'partial', number of rows;
--       then for each row: machine, sensor, order(16) .. measured(16) .. identity, packed reading
--       without its last field (`late`) and bracket.
-- Reply { epoch, then for each request { status, remaining, reset, verdicts, position } }:
--       status ok | conflict | rate | full; verdicts a(ccepted) l(ate) d(uplicate) c(onflict).
-- Times are fixed-width decimal text, which sorts like the number.

local log, epoch_key, metrics = KEYS[1], KEYS[2], KEYS[3]
local remember, most_entries, entry_size = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local seen_prefix, rate_prefix, latest_prefix = ARGV[5], ARGV[6], ARGV[7]
local KEPT_SECONDS = 30 * 86400 -- of the bookkeeping keys, renewed by every flush

local counts, newest, positions, touched = {}, {}, {}, {}

local function count(name, by)
  counts[name] = (counts[name] or 0) + by
end

local function within_rate(key_id, limit, window)
  if key_id == '' or limit == 0 then return true, -1, -1 end
  local key = rate_prefix .. key_id
  local used = redis.call('INCR', key)
  if used == 1 then redis.call('EXPIRE', key, window) end
  local reset = redis.call('TTL', key)
  return used <= limit, math.max(0, limit - used), math.max(0, reset)
end

local function seen_key(row)
  local bucket = math.floor(tonumber(row.measured) / 120000000)
  return seen_prefix .. row.machine .. ':' .. row.sensor .. ':' .. string.format('%d', bucket)
end

local function read_rows(at, number)
  local rows = {}
  for i = 1, number do
    local fixed = ARGV[at + 2]
    rows[i] = {
      machine = ARGV[at], sensor = ARGV[at + 1], order = string.sub(fixed, 1, 16),
      measured = string.sub(fixed, 17, 32), identity = string.sub(fixed, 33),
      fixed = string.sub(fixed, 1, 32), packed = ARGV[at + 3],
    }
    at = at + 4
  end
  return rows, at
end

-- Repeats and conflicts, with what was taken before and with the rows before in this request.
local function judge(rows)
  local mine, conflicts = {}, 0
  for _, row in ipairs(rows) do
    row.seen = seen_key(row)
    local name = row.seen .. row.measured
    local known = mine[name] or redis.call('HGET', row.seen, row.measured)
    if not known then
      mine[name] = row.identity
      row.verdict = 'a'
    elseif known == row.identity then
      row.verdict = 'd'
    else
      row.verdict = 'c'
      conflicts = conflicts + 1
    end
  end
  return conflicts
end

local function latest_of(row)
  local name = row.machine .. '\n' .. row.sensor
  local known = newest[name]
  if not known then
    local packed = redis.call('HGET', latest_prefix .. row.machine, row.sensor)
    known = packed and { order = string.sub(packed, 1, 16), measured = string.sub(packed, 17, 32) } or {}
    newest[name] = known
  end
  return known
end

-- Newest wins by (order, position); a repeat of the latest from beyond the window is late too.
local function settle(row)
  local latest = latest_of(row)
  if latest.order and (row.order < latest.order or row.measured == latest.measured) then
    row.verdict = 'l'
    row.packed = row.packed .. ',true]'
  else
    row.packed = row.packed .. ',false]'
    latest.order, latest.measured = row.order, row.measured
    row.is_newest = true
  end
  redis.call('HSET', row.seen, row.measured, row.identity)
  if not touched[row.seen] then
    touched[row.seen] = true
    redis.call('EXPIRE', row.seen, remember + 120)
  end
  count('sensor_readings_' .. (string.match(row.sensor, '^[^.]+') or row.sensor), 1)
end

local function write_entry(machine, packed)
  local previous = positions[machine]
  if not previous then
    previous = redis.call('HGET', latest_prefix .. machine, '_pos') or '0-0'
  end
  positions[machine] = redis.call('XADD', log, '*', 'kind', 'readings', 'machine', machine,
    'prev', previous, 'n', #packed, 'readings', '[' .. table.concat(packed, ',') .. ']')
  return positions[machine]
end

-- One entry per machine and request, cut where it would hold more than `entry_size` readings.
local function write_machine(machine, rows)
  local packed, latest, position = {}, {}, nil
  for _, row in ipairs(rows) do
    packed[#packed + 1] = row.packed
    if row.is_newest then latest[row.sensor] = row.fixed .. row.packed end
    if #packed == entry_size then
      position = write_entry(machine, packed)
      packed = {}
    end
  end
  if #packed > 0 then position = write_entry(machine, packed) end
  local fields = { '_pos', position }
  for sensor, value in pairs(latest) do
    fields[#fields + 1] = sensor
    fields[#fields + 1] = value
  end
  redis.call('HSET', latest_prefix .. machine, unpack(fields))
  return position
end

local function write(rows)
  local machines, by_machine, taken = {}, {}, 0
  for _, row in ipairs(rows) do
    if row.verdict == 'a' then
      settle(row)
      taken = taken + 1
      if not by_machine[row.machine] then
        by_machine[row.machine] = {}
        machines[#machines + 1] = row.machine
      end
      table.insert(by_machine[row.machine], row)
    end
  end
  local position = false
  for _, machine in ipairs(machines) do
    position = write_machine(machine, by_machine[machine])
  end
  if taken > 0 then count('sensor_readings_processed', taken) end
  if #rows > 1 then count('batch_readings_submitted', #rows) end
  return position
end

local function take(rows, partial)
  if redis.call('XLEN', log) >= most_entries then return 'full', '', false end
  local conflicts, status, position = judge(rows), 'ok', false
  if conflicts > 0 and not partial then
    status = 'conflict'
  else
    position = write(rows)
  end
  local verdicts = {}
  for i, row in ipairs(rows) do verdicts[i] = row.verdict end
  return status, table.concat(verdicts), position
end

local epoch = redis.call('GET', epoch_key)
if not epoch then
  epoch = ARGV[1]
  redis.call('SET', epoch_key, epoch)
end

local reply, at = { epoch }, 9
for _ = 1, tonumber(ARGV[8]) do
  local key_id, partial = ARGV[at], ARGV[at + 3] == 'partial'
  local within, remaining, reset = within_rate(key_id, tonumber(ARGV[at + 1]), ARGV[at + 2])
  local rows
  rows, at = read_rows(at + 5, tonumber(ARGV[at + 4]))
  local status, verdicts, position = 'rate', '', false
  if within then status, verdicts, position = take(rows, partial) end
  reply[#reply + 1] = { status, remaining, reset, verdicts, position or '' }
end

for name, by in pairs(counts) do redis.call('HINCRBY', metrics, name, by) end
redis.call('EXPIRE', metrics, KEPT_SECONDS)
redis.call('EXPIRE', epoch_key, KEPT_SECONDS)
return reply
