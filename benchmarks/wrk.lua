-- The bodies of bodies.py for wrk: each reading later than the one before, each machine with its key.
-- DEVICES names a file of lines "machine token", SIZE says how many readings go in a request.
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long us; } timeval_t; int gettimeofday(timeval_t *, void *);")

local KINDS = {
  { "temperature", "celsius" }, { "pressure", "bar" }, { "vibration", "mm/s" },
  { "humidity", "percent" }, { "speed", "rpm" },
}
local READING = '{"machine_id":"%s","sensor_type":"%s","value":%d.%02d,"unit":"%s","timestamp":"%s%06dZ",'
  .. '"quality":"good","metadata":{"location":"workshop_%d","seq":%d}}'

local size = tonumber(os.getenv("SIZE"))
local devices, turn = {}, 0
local clock, last_us = ffi.new("timeval_t"), 0
local second, second_text = 0, ""

local function moment()
  ffi.C.gettimeofday(clock, nil)
  last_us = math.max(last_us + 1, tonumber(clock.s) * 1000000 + tonumber(clock.us))
  local now = math.floor(last_us / 1000000)
  if now ~= second then
    second, second_text = now, os.date("!%Y-%m-%dT%H:%M:%S.", now)
  end
  return second_text, last_us - now * 1000000
end

local function reading(device)
  local number = device.number
  device.number = number + 1
  local kind = KINDS[number % #KINDS + 1]
  local whole, us = moment()
  return READING:format(device.machine, kind[1], number % 90, number % 100, kind[2], whole, us, number % 7, number)
end

local function body(device)
  if size == 1 then return reading(device) end
  local rows = {}
  for at = 1, size do rows[at] = reading(device) end
  return '{"machine_id":"' .. device.machine .. '","readings":[' .. table.concat(rows, ",") .. "]}"
end

function init()
  for line in io.lines(os.getenv("DEVICES")) do
    local machine, token = line:match("^(%S+) ?(%S*)$")
    local headers = { ["Content-Type"] = "application/json" }
    if token ~= "" then headers["Authorization"] = "Bearer " .. token end
    devices[#devices + 1] = { machine = machine, headers = headers, number = 0 }
  end
end

function request()
  turn = turn % #devices + 1
  local device = devices[turn]
  return wrk.format("POST", wrk.path, device.headers, body(device))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'JSON {"answered":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
