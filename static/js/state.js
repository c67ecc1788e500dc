// What the page knows. Pure: `reduce(state, event)` gives the next state; `at` is a moment of
// performance.now(). Times of readings stay text: it sorts, and keeps its microseconds.

/** The state a page begins with: the machines as the server rendered them. */
export function initialState({ machines, server_time }, { at, feed = "connecting", staleDefault = 300 }) {
  const known = Object.fromEntries(machines.map((machine) => [machine.machine_id, machineOf(machine)]));
  const heardAt = Date.parse(server_time);
  // When the values were the newest, in the server's time; null without any.
  const valuesFrom = feed === "down" ? null : heardAt;
  return { machines: known, feed, behind: 0, code: null, heardAt, valuesFrom, offset: heardAt - at, staleDefault, hasUnknown: false };
}

function machineOf(machine) {
  const sensors = machine.sensors.map((one) => [one.sensor_type, { staleSeconds: one.stale_seconds, latest: one.latest }]);
  return { connectivity: machine.connectivity, isActive: machine.active ?? true, sensors: Object.fromEntries(sensors) };
}

/** What newest means: a stamp from the future counts from when it was received. */
export function order(reading) {
  return reading.timestamp < reading.received_at ? reading.timestamp : reading.received_at;
}

/** The server's time in milliseconds at the moment `at`. */
export function serverTime(state, at) {
  return at + state.offset;
}

const STEPS = {
  initial_data: greeted,
  resync: greeted,
  sensor_update: updated,
  latest: (state, { data }) => withReadings(state, data.readings, (a, b) => a >= b),
  // The history comes out of turn: of equals, what the log said last stays.
  history: (state, { readings }) => withReadings(state, readings, (a, b) => a > b),
  heartbeat: beaten,
  lost: (state) => ({ ...state, feed: "lost" }),
  login: (state, { code }) => ({ ...state, feed: "stopped", code }),
  stop: (state, { code }) => ({ ...state, feed: "stopped", code }),
};

export function reduce(state, event) {
  const step = STEPS[event.type];
  return step ? step(state, event) : state;
}

/** `initial_data` and `resync` are the newest of everything: they replace what was there. */
function greeted(state, { data, timestamp, machine_id, at }) {
  const machines = Object.fromEntries(
    Object.entries(state.machines).map(([id, machine]) => [id, machine_id && machine_id !== id ? machine : emptied(machine)]),
  );
  const heardAt = Date.parse(timestamp);
  const next = { ...state, machines, feed: "live", behind: 0, heardAt, valuesFrom: heardAt, offset: heardAt - at };
  const hasOthers = data.machines ? !sameMachines(data.machines, machines) : false;
  return withReadings({ ...next, hasUnknown: next.hasUnknown || hasOthers }, data.readings, (a, b) => a >= b);
}

function emptied(machine) {
  const sensors = Object.entries(machine.sensors).map(([name, sensor]) => [name, { ...sensor, latest: null }]);
  return { ...machine, connectivity: "never_seen", sensors: Object.fromEntries(sensors) };
}

function sameMachines(listed, known) {
  return listed.length === Object.keys(known).length && listed.every(({ machine_id }) => machine_id in known);
}

function updated(state, { data, at }) {
  const heardAt = serverTime(state, at);
  const valuesFrom = state.feed === "live" ? heardAt : state.valuesFrom;
  return withReadings({ ...state, heardAt, valuesFrom }, data.readings, (a, b) => a >= b);
}

function beaten(state, { data, at }) {
  // One that was held up on its way says too little; the greeting sets the clock anew.
  const beatAt = Date.parse(data.server_time);
  const offset = Math.max(state.offset, beatAt - at);
  const { feed, behind_seconds: behind } = data;
  const valuesFrom = feed === "down" ? state.valuesFrom : Math.max(state.valuesFrom, beatAt - behind * 1000);
  return { ...state, offset, feed, behind, heardAt: at + offset, valuesFrom };
}

/** Newest measured wins; late readings are for the charts only. */
function withReadings(state, readings, wins) {
  const machines = { ...state.machines };
  const copied = new Set();
  let { hasUnknown } = state;
  for (const reading of readings) {
    const { machine_id: id, sensor_type: name } = reading;
    const sensor = machines[id]?.sensors[name];
    if (!sensor) hasUnknown = true;
    else if (!reading.late && (!sensor.latest || wins(order(reading), order(sensor.latest)))) {
      if (!copied.has(id)) machines[id] = { ...machines[id], sensors: { ...machines[id].sensors } };
      copied.add(id);
      machines[id].sensors[name] = { ...sensor, latest: reading };
    }
  }
  return { ...state, machines, hasUnknown };
}
