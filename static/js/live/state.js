// The page's state. Pure: `reduce(state, event)` gives the next state; `nowMs` is a moment of
// performance.now(). Times of readings stay text: text sorts, and keeps its microseconds.

/** The state a page begins with: the machines as the server rendered them. */
export function initialState({ machines, server_time }, { nowMs, feed = "connecting", staleDefault = 300 }) {
  const byId = Object.fromEntries(machines.map((machine) => [machine.machine_id, machineOf(machine)]));
  // The server's time of the last message, and up to which the values are current; null without values.
  const lastMessageAt = Date.parse(server_time);
  const valuesFrom = feed === "down" ? null : lastMessageAt;
  return { machines: byId, feed, behind: 0, code: null, lastMessageAt, valuesFrom, offset: lastMessageAt - nowMs, staleDefault, hasUnknown: false };
}

function machineOf({ connectivity, sensors }) {
  const entries = sensors.map(({ sensor_type, stale_seconds, latest }) => [sensor_type, { staleSeconds: stale_seconds, latest }]);
  return { connectivity, sensors: Object.fromEntries(entries) };
}

/** When a reading counts as measured (sensors/tests/data/newest_wins.json): a stamp from the future, when it was received. */
export function effectiveTime(reading) {
  return reading.timestamp < reading.received_at ? reading.timestamp : reading.received_at;
}

/** The server's time in milliseconds at a moment of the page's clock. */
export function serverTime(state, nowMs) {
  return nowMs + state.offset;
}

const isAtLeast = (a, b) => a >= b;
const isAfter = (a, b) => a > b;

const REDUCERS = {
  initial_data: applySnapshot,
  resync: applySnapshot,
  sensor_update: applyUpdate,
  latest: (state, { data }) => withReadings(state, data.readings, isAtLeast),
  // The history is in no log order: of equal times, the log's last reading stays.
  history: (state, { readings }) => withReadings(state, readings, isAfter),
  heartbeat: applyHeartbeat,
  lost: (state) => ({ ...state, feed: "lost" }),
  login: (state, { code }) => ({ ...state, feed: "stopped", code }),
  stop: (state, { code }) => ({ ...state, feed: "stopped", code }),
};

export function reduce(state, event) {
  const reducer = REDUCERS[event.type];
  return reducer ? reducer(state, event) : state;
}

/** Replace everything: `initial_data` and `resync` hold the newest readings of all sensors. */
function applySnapshot(state, { data, timestamp, machine_id, nowMs }) {
  const machines = Object.fromEntries(
    Object.entries(state.machines).map(([id, machine]) => [id, machine_id && machine_id !== id ? machine : emptied(machine)]),
  );
  const lastMessageAt = Date.parse(timestamp);
  const next = { ...state, machines, feed: "live", behind: 0, lastMessageAt, valuesFrom: lastMessageAt, offset: lastMessageAt - nowMs };
  const hasOthers = data.machines ? !areSameMachines(data.machines, machines) : false;
  return withReadings({ ...next, hasUnknown: next.hasUnknown || hasOthers }, data.readings, isAtLeast);
}

function emptied(machine) {
  const sensors = Object.entries(machine.sensors).map(([name, sensor]) => [name, { ...sensor, latest: null }]);
  return { ...machine, connectivity: "never_seen", sensors: Object.fromEntries(sensors) };
}

function areSameMachines(listed, byId) {
  return listed.length === Object.keys(byId).length && listed.every(({ machine_id }) => machine_id in byId);
}

function applyUpdate(state, { data, nowMs }) {
  const lastMessageAt = serverTime(state, nowMs);
  const valuesFrom = state.feed === "live" ? lastMessageAt : state.valuesFrom;
  return withReadings({ ...state, lastMessageAt, valuesFrom }, data.readings, isAtLeast);
}

function applyHeartbeat(state, { data, nowMs }) {
  // A delayed heartbeat would turn the clock back; the next snapshot sets it anew.
  const beatAt = Date.parse(data.server_time);
  const offset = Math.max(state.offset, beatAt - nowMs);
  const { feed, behind_seconds: behind } = data;
  const valuesFrom = feed === "down" ? state.valuesFrom : Math.max(state.valuesFrom, beatAt - behind * 1000);
  return { ...state, offset, feed, behind, lastMessageAt: nowMs + offset, valuesFrom };
}

/** Keep the newest reading of each sensor; late readings are for the charts only. */
function withReadings(state, readings, wins) {
  const machines = { ...state.machines };
  const copied = new Set();
  let { hasUnknown } = state;
  for (const reading of readings) {
    const { machine_id: id, sensor_type: name } = reading;
    const sensor = machines[id]?.sensors[name];
    if (!sensor) hasUnknown = true;
    else if (!reading.late && (!sensor.latest || wins(effectiveTime(reading), effectiveTime(sensor.latest)))) {
      if (!copied.has(id)) machines[id] = { ...machines[id], sensors: { ...machines[id].sensors } };
      copied.add(id);
      machines[id].sensors[name] = { ...sensor, latest: reading };
    }
  }
  return { ...state, machines, hasUnknown };
}
