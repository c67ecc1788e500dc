-- Appends one flush of requests to the log; checks all rows of a request before it writes any.
--
-- KEYS  1 log  2 epoch  3 metrics
-- ARGV  1 epoch to set if there is none  2 seconds to remember a reading
--       3 maximum number of log entries
--       4 maximum number of readings in an entry
--       5 prefix of seen  6 prefix of rate limits  7 prefix of latest
--       8 number of requests; then for each request:
--       key id ('' for no limit), limit, window seconds, 'all' or 'partial', number of machines;
--       then for each machine: name, number of series, number of rows, and the rows in their order,
--       packed for the log, not late: [..,false];
--       then for each series: sensor, bucket, received(16), number of rows, their numbers among the
--       machine's rows ('1,6,11'), and measured(16) and identity of each.
-- A series holds a machine's readings of one sensor in one bucket of measured time, received at
-- once.
-- Reply { epoch, then for each request { status, remaining, reset, outcomes, position } }:
--       status ok | conflict | rate | full; outcomes a(ccepted) l(ate) d(uplicate) c(onflict),
--       machine by machine.
-- Times are fixed-width decimal text, which sorts like the number.

local log, epoch_key, metrics = KEYS[1], KEYS[2], KEYS[3]
local arguments = ARGV
local remember_seconds, max_entries = tonumber(arguments[2]), tonumber(arguments[3])
local entry_size = tonumber(arguments[4])
local seen_prefix, rate_prefix, latest_prefix = arguments[5], arguments[6], arguments[7]
local KEPT_SECONDS = 30 * 86400 -- of the bookkeeping keys, renewed by every flush
local MAX_FIELDS = 3000 -- in one call: Lua passes at most 8000 arguments

local counts, renewed, entries = {}, {}, redis.call('XLEN', log)

local function count(name, by)
  counts[name] = (counts[name] or 0) + by
end

local function count_readings(sensor, by)
  count('sensor_readings_' .. (string.match(sensor, '^[^.]+') or sensor), by)
end

local function within_rate(key_id, limit, window)
  if key_id == '' or limit == 0 then return true, -1, -1 end
  local key = rate_prefix .. key_id
  local used = redis.call('INCR', key)
  if used == 1 then redis.call('EXPIRE', key, window) end
  local reset = redis.call('TTL', key)
  return used <= limit, math.max(0, limit - used), math.max(0, reset)
end

local function read_series(machine, index)
  local sensor = arguments[index]
  local series = {
    sensor = sensor, key = seen_prefix .. machine.name .. ':' .. sensor .. ':' .. arguments[index + 1],
    received = arguments[index + 2], rows = tonumber(arguments[index + 3]), numbers = arguments[index + 4],
    first = index + 5,
  }
  return series, series.first + 2 * series.rows
end

-- `latest` are the sensors' latest values in Redis, `newest` those after this request; the packed
-- rows are the arguments after `offset`.
local function read_machine(index)
  local machine = {
    name = arguments[index], key = latest_prefix .. arguments[index], rows = tonumber(arguments[index + 2]),
    offset = index + 2, series = {}, latest = {}, newest = {},
  }
  local number = tonumber(arguments[index + 1])
  index = index + 3 + machine.rows
  for i = 1, number do machine.series[i], index = read_series(machine, index) end
  return machine, index
end

-- Reads the identity already logged at each row's time (false: none), and the machine's latest
-- values.
local function look_up(machine)
  local names = { '_pos' }
  for _, series in ipairs(machine.series) do
    local measured, first = {}, series.first
    for i = 1, series.rows do measured[i] = arguments[first + 2 * i - 2] end
    series.logged = redis.call('HMGET', series.key, unpack(measured))
    if not machine.latest[series.sensor] then
      machine.latest[series.sensor] = {}
      names[#names + 1] = series.sensor
    end
  end
  local values = redis.call('HMGET', machine.key, unpack(names))
  machine.position = values[1] or '0-0'
  for i = 2, #names do
    local kept = values[i]
    if kept then
      local latest = machine.latest[names[i]]
      latest.effective, latest.measured = string.sub(kept, 1, 16), string.sub(kept, 17, 32)
    end
  end
end

local function effective_time(measured, received)
  return measured < received and measured or received
end

-- The newest wins: by effective time, then by position in the log; a repeat of the latest from
-- beyond the window is late too (tests/data/newest_wins.json).
local function is_late(latest, effective, measured)
  return latest.effective and (effective < latest.effective or measured == latest.measured)
end

local function number_of(series, pattern)
  return tonumber(string.match(series.numbers, pattern))
end

-- Returns whether the rows are new, ascend in time, and follow the sensor's rows in this request;
-- then also their last time.
local function is_ascending(series, before)
  local last = ''
  if before then
    if before.received ~= series.received or before.number > number_of(series, '^%d+') then
      return false
    end
    last = before.measured
  end
  local logged, first = series.logged, series.first
  for i = 1, series.rows do
    local measured = arguments[first + 2 * i - 2]
    if logged[i] or measured <= last then return false end
    last = measured
  end
  return true, last
end

-- Returns whether each row is new, and newer than its sensor's row before: then all are accepted.
-- Nearly all requests are so; for their rows these are the only steps of Lua.
local function is_plain(machine)
  for _, series in ipairs(machine.series) do
    local sensor, received, first = series.sensor, series.received, arguments[series.first]
    local before = machine.newest[sensor]
    local ascends, last = is_ascending(series, before)
    if not ascends then return false end
    if not before and is_late(machine.latest[sensor], effective_time(first, received), first) then
      return false
    end
    local number = number_of(series, '%d+$')
    machine.newest[sensor] = {
      effective = effective_time(last, received), measured = last, received = received,
      number = number, packed = arguments[machine.offset + number],
    }
  end
  return true
end

local function renew(key)
  if not renewed[key] then
    renewed[key] = true
    redis.call('EXPIRE', key, remember_seconds + 120) -- BUCKET_US of append_arguments.py
  end
end

-- Writes one entry per machine and request, split where it would exceed `entry_size` readings.
-- Its rows are those in `packed` after `offset`.
local function write_rows(machine, packed, offset, number)
  for first = 1, number, entry_size do
    local last = math.min(first + entry_size - 1, number)
    machine.position = redis.call('XADD', log, '*', 'kind', 'readings', 'machine', machine.name,
      'prev', machine.position, 'n', last - first + 1,
      'readings', '[' .. table.concat(packed, ',', offset + first, offset + last) .. ']')
    entries = entries + 1
  end
  local fields = { '_pos', machine.position }
  for sensor, newest in pairs(machine.newest) do
    fields[#fields + 1] = sensor
    fields[#fields + 1] = newest.effective .. newest.measured .. newest.packed
  end
  redis.call('HSET', machine.key, unpack(fields))
  count('sensor_readings_processed', number)
end

local function write_plain(machine)
  for _, series in ipairs(machine.series) do
    local last = series.first + 2 * series.rows - 1
    redis.call('HSET', series.key, unpack(arguments, series.first, last))
    renew(series.key)
    count_readings(series.sensor, series.rows)
  end
  write_rows(machine, arguments, machine.offset, machine.rows)
end

-- Returns the machine's rows in the order sent, each with the logged identities of its bucket.
local function rows_of(machine)
  local rows, buckets = {}, {}
  for _, series in ipairs(machine.series) do
    local logged = buckets[series.key] or {}
    buckets[series.key] = logged
    local i = 0
    for number in string.gmatch(series.numbers, '%d+') do
      i = i + 1
      number = tonumber(number)
      local measured = arguments[series.first + 2 * i - 2]
      logged[measured] = series.logged[i]
      rows[number] = {
        sensor = series.sensor, key = series.key, logged = logged, measured = measured,
        identity = arguments[series.first + 2 * i - 1],
        effective = effective_time(measured, series.received),
        packed = arguments[machine.offset + number],
      }
    end
  end
  return rows
end

-- Finds repeats and conflicts, with readings logged before and with earlier rows of this request.
local function find_conflicts(rows)
  local conflicts = 0
  for _, row in ipairs(rows) do
    local logged = row.logged[row.measured]
    if not logged then
      row.logged[row.measured] = row.identity
      row.outcome = 'a'
    elseif logged == row.identity then
      row.outcome = 'd'
    else
      row.outcome = 'c'
      conflicts = conflicts + 1
    end
  end
  return conflicts
end

local function remember_fields(key, fields)
  for first = 1, #fields, 2 * MAX_FIELDS do
    redis.call('HSET', key, unpack(fields, first, math.min(first + 2 * MAX_FIELDS - 1, #fields)))
  end
  renew(key)
end

local function write_accepted(machine, rows)
  local packed, seen = {}, {}
  machine.newest = {}
  for _, row in ipairs(rows) do
    if row.outcome == 'a' then
      local latest = machine.newest[row.sensor] or machine.latest[row.sensor]
      if is_late(latest, row.effective, row.measured) then
        row.outcome = 'l'
        packed[#packed + 1] = string.sub(row.packed, 1, -7) .. 'true]'
      else
        machine.newest[row.sensor] = row
        packed[#packed + 1] = row.packed
      end
      local fields = seen[row.key] or {}
      seen[row.key] = fields
      fields[#fields + 1] = row.measured
      fields[#fields + 1] = row.identity
      count_readings(row.sensor, 1)
    end
  end
  for key, fields in pairs(seen) do remember_fields(key, fields) end
  if #packed > 0 then write_rows(machine, packed, 0, #packed) end
  return #packed > 0
end

local function outcomes_of(machines)
  local outcomes = {}
  for _, machine in ipairs(machines) do
    for _, row in ipairs(machine.checked) do outcomes[#outcomes + 1] = row.outcome end
  end
  return table.concat(outcomes)
end

local function append_checked(machines, partial)
  local conflicts, position = 0, false
  for _, machine in ipairs(machines) do
    machine.checked = rows_of(machine)
    conflicts = conflicts + find_conflicts(machine.checked)
  end
  if conflicts > 0 and not partial then return 'conflict', outcomes_of(machines), false end
  for _, machine in ipairs(machines) do
    if write_accepted(machine, machine.checked) then position = machine.position end
  end
  return 'ok', outcomes_of(machines), position
end

local function append(machines, partial)
  if entries >= max_entries then return 'full', '', false end
  local plain, rows = true, 0
  for _, machine in ipairs(machines) do
    look_up(machine)
    plain = plain and is_plain(machine)
    rows = rows + machine.rows
  end
  local status, outcomes, position
  if plain then
    for _, machine in ipairs(machines) do
      write_plain(machine)
      position = machine.position
    end
    status, outcomes = 'ok', string.rep('a', rows)
  else
    status, outcomes, position = append_checked(machines, partial)
  end
  if status == 'ok' and rows > 1 then count('batch_readings_submitted', rows) end
  return status, outcomes, position
end

local epoch = redis.call('GET', epoch_key)
if not epoch then
  epoch = arguments[1]
  redis.call('SET', epoch_key, epoch)
end

local reply, index = { epoch }, 9
for _ = 1, tonumber(arguments[8]) do
  local key_id, partial = arguments[index], arguments[index + 3] == 'partial'
  local within, remaining, reset = within_rate(key_id, tonumber(arguments[index + 1]), arguments[index + 2])
  local machines, number = {}, tonumber(arguments[index + 4])
  index = index + 5
  for i = 1, number do machines[i], index = read_machine(index) end
  local status, outcomes, position = 'rate', '', false
  if within then status, outcomes, position = append(machines, partial) end
  reply[#reply + 1] = { status, remaining, reset, outcomes, position or '' }
end

for name, by in pairs(counts) do redis.call('HINCRBY', metrics, name, by) end
redis.call('EXPIRE', metrics, KEPT_SECONDS)
redis.call('EXPIRE', epoch_key, KEPT_SECONDS)
return reply
