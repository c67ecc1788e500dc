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
local BUCKET_US = 120000000
local MOST_FIELDS = 3000 -- in one call: Lua passes at most 8000 arguments

-- What this flush knows already; a call to Redis costs as much as all else that is done for a row.
local counts, machines, entries = {}, {}, redis.call('XLEN', log)

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

local function machine_of(name)
  local machine = machines[name]
  if not machine then
    machine = { name = name, latest = latest_prefix .. name, sensors = {} }
    machines[name] = machine
  end
  return machine
end

local function sensor_of(machine, name)
  local sensor = machine.sensors[name]
  if not sensor then
    sensor = {
      name = name, buckets = {}, seen = seen_prefix .. machine.name .. ':' .. name .. ':',
      counter = 'sensor_readings_' .. (string.match(name, '^[^.]+') or name),
    }
    machine.sensors[name] = sensor
  end
  return sensor
end

-- The readings of a sensor in two minutes that are remembered: what is known of them (false: none
-- is), what is to be asked, and what is to be written.
local function bucket_of(sensor, measured)
  local number = math.floor(tonumber(measured) / BUCKET_US)
  local bucket = sensor.buckets[number]
  if not bucket then
    bucket = { key = sensor.seen .. string.format('%d', number), known = {}, asked = {}, fresh = {} }
    sensor.buckets[number] = bucket
  end
  return bucket
end

local function read_rows(at, number)
  local rows = {}
  for i = 1, number do
    local machine = machine_of(ARGV[at])
    local fixed = ARGV[at + 2]
    local measured = string.sub(fixed, 17, 32)
    local sensor = sensor_of(machine, ARGV[at + 1])
    rows[i] = {
      machine = machine, sensor = sensor, bucket = bucket_of(sensor, measured), fixed = fixed,
      measured = measured, identity = string.sub(fixed, 33), packed = ARGV[at + 3],
    }
    at = at + 4
  end
  return rows, at
end

local function ask(bucket)
  if #bucket.asked == 0 then return end
  local found = redis.call('HMGET', bucket.key, unpack(bucket.asked))
  for i, measured in ipairs(bucket.asked) do bucket.known[measured] = found[i] end
  bucket.asked = {}
end

local function look_up(rows)
  local buckets = {}
  for _, row in ipairs(rows) do
    local bucket, measured = row.bucket, row.measured
    if bucket.known[measured] == nil then
      bucket.known[measured] = false
      if #bucket.asked == 0 then buckets[#buckets + 1] = bucket end
      bucket.asked[#bucket.asked + 1] = measured
      if #bucket.asked == MOST_FIELDS then ask(bucket) end
    end
  end
  for _, bucket in ipairs(buckets) do ask(bucket) end
end

-- Repeats and conflicts, with what was taken before and with the rows before in this request.
local function judge(rows)
  local conflicts = 0
  look_up(rows)
  for _, row in ipairs(rows) do
    local known = row.bucket.known[row.measured]
    if not known then
      row.bucket.known[row.measured] = row.identity
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

local function forget(rows)
  for _, row in ipairs(rows) do
    if row.verdict == 'a' then row.bucket.known[row.measured] = false end
  end
end

-- The sensor's newest order and measured time; with them comes the machine's newest position.
local function latest_of(row)
  local machine, sensor = row.machine, row.sensor
  if not sensor.is_read then
    sensor.is_read = true
    local found = redis.call('HMGET', machine.latest, sensor.name, '_pos')
    if found[1] then
      sensor.order, sensor.measured = string.sub(found[1], 1, 16), string.sub(found[1], 17, 32)
    end
    machine.position = machine.position or found[2] or '0-0'
  end
  return sensor
end

local function keep(bucket)
  if #bucket.fresh == 0 then return end
  redis.call('HSET', bucket.key, unpack(bucket.fresh))
  if not bucket.expires then
    bucket.expires = true
    redis.call('EXPIRE', bucket.key, remember + 120)
  end
  bucket.fresh = {}
end

-- Newest wins by (order, position); a repeat of the latest from beyond the window is late too.
local function settle(row, buckets)
  local latest, order = latest_of(row), string.sub(row.fixed, 1, 16)
  if latest.order and (order < latest.order or row.measured == latest.measured) then
    row.verdict = 'l'
  else
    latest.order, latest.measured = order, row.measured
    row.machine.newest[latest.name] = row
  end
  local bucket = row.bucket
  local fresh = bucket.fresh
  if #fresh == 0 then buckets[#buckets + 1] = bucket end
  fresh[#fresh + 1] = row.measured
  fresh[#fresh + 1] = row.identity
  if #fresh == 2 * MOST_FIELDS then keep(bucket) end
  count(latest.counter, 1)
end

local function last_field(row)
  return row.verdict == 'l' and ',true]' or ',false]'
end

local function write_entry(machine, rows, first, last)
  local parts = {}
  for i = first, last do
    parts[#parts + 1] = rows[i].packed
    parts[#parts + 1] = last_field(rows[i])
    parts[#parts + 1] = ','
  end
  parts[#parts] = ']'
  machine.position = redis.call('XADD', log, '*', 'kind', 'readings', 'machine', machine.name,
    'prev', machine.position, 'n', last - first + 1, 'readings', '[' .. table.concat(parts))
  entries = entries + 1
end

-- One entry per machine and request, cut where it would hold more than `entry_size` readings.
local function write_machine(machine, rows)
  for first = 1, #rows, entry_size do
    write_entry(machine, rows, first, math.min(first + entry_size - 1, #rows))
  end
  local fields = { '_pos', machine.position }
  for name, row in pairs(machine.newest) do
    fields[#fields + 1] = name
    fields[#fields + 1] = string.sub(row.fixed, 1, 32) .. row.packed .. last_field(row)
  end
  redis.call('HSET', machine.latest, unpack(fields))
  return machine.position
end

local function write(rows)
  local order, by_machine, buckets, taken = {}, {}, {}, 0
  for _, row in ipairs(rows) do
    if row.verdict == 'a' then
      local machine = row.machine
      if not by_machine[machine] then
        by_machine[machine] = {}
        machine.newest = {}
        order[#order + 1] = machine
      end
      settle(row, buckets)
      taken = taken + 1
      table.insert(by_machine[machine], row)
    end
  end
  for _, bucket in ipairs(buckets) do keep(bucket) end
  local position = false
  for _, machine in ipairs(order) do position = write_machine(machine, by_machine[machine]) end
  if taken > 0 then count('sensor_readings_processed', taken) end
  if #rows > 1 then count('batch_readings_submitted', #rows) end
  return position
end

local function take(rows, partial)
  if entries >= most_entries then return 'full', '', false end
  local conflicts, status, position = judge(rows), 'ok', false
  if conflicts > 0 and not partial then
    status = 'conflict'
    forget(rows)
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
