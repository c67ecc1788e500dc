import assert from "node:assert/strict";
import { test } from "node:test";

import { machine, message, noon, reading } from "../../tests/readings.js";
import { initialState, reduce, serverTime } from "../state.js";

const begin = (latest = null, id = "CNC-001") => initialState({ machines: [machine(id, latest)], server_time: noon() }, { nowMs: 0 });
const update = (...readings) => message("sensor_update", { readings, skipped: 0 });
const latest = (state, id = "CNC-001") => state.machines[id].sensors.temperature.latest;

test("a newer reading wins", () => {
  const state = reduce(begin(reading(0, 1)), update(reading(1, 2)));

  assert.equal(latest(state).value, 2);
});

test("an older reading that comes after does not move the latest", () => {
  const state = reduce(begin(reading(5, 1)), update(reading(1, 2)));

  assert.equal(latest(state).value, 1);
});

test("a late reading is not shown as latest", () => {
  const state = reduce(begin(), update(reading(1, 2, { late: true })));

  assert.equal(latest(state), null);
});

test("a stamp from the future is overtaken by the next reading", () => {
  const future = reading(600, 1, { received_at: noon(1) });

  const state = reduce(begin(future), update(reading(2, 2)));

  assert.equal(latest(state).value, 2);
});

test("of equally new readings the one later in the log wins", () => {
  const [one, two] = [reading(600, 1, { received_at: noon(1) }), reading(601, 2, { received_at: noon(1) })];

  const state = reduce(begin(), update(one, two));

  assert.equal(latest(state).value, 2);
});

test("microseconds decide", () => {
  const [one, two] = [1, 2].map((digit) => reading(0, digit, { timestamp: noon().replace("000Z", `00${digit}Z`) }));

  const state = reduce(begin(two), update(one));

  assert.equal(latest(state).value, 2);
});

test("any order and any repeats give the same state", () => {
  const rows = [reading(1, 1), reading(2, 2), reading(3, 3)];

  for (const order of [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 2, 0, 1, 1]]) {
    const state = order.reduce((before, index) => reduce(before, update(rows[index])), begin());
    assert.equal(latest(state).value, 3);
  }
});

test("one message may hold many machines", () => {
  const both = initialState({ machines: [machine("CNC-001"), machine("CNC-002")], server_time: noon() }, { nowMs: 0 });

  const state = reduce(both, update(reading(1, 1), reading(1, 2, { machine_id: "CNC-002" })));

  assert.deepEqual([latest(state).value, latest(state, "CNC-002").value], [1, 2]);
});

test("a greeting replaces what was there", () => {
  const greeting = message("initial_data", { readings: [], alarms: [], recovered: false });

  assert.equal(latest(reduce(begin(reading(9, 1)), greeting)), null);
  assert.equal(latest(reduce(begin(reading(9, 1)), { ...greeting, type: "resync" })), null);
});

test("the history fills in and never replaces an equal", () => {
  const shown = reading(5, 1);

  const state = reduce(begin(shown), { type: "history", readings: [reading(5, 1), reading(1, 2)] });

  assert.equal(latest(state), shown);
});

test("reduce leaves the state before as it was", () => {
  const before = begin(reading(0, 1));

  reduce(before, update(reading(1, 2)));

  assert.equal(latest(before).value, 1);
});

test("heartbeats carry the state of the feed", () => {
  const beat = (feed) => message("heartbeat", { server_time: noon(7), interval: 5, feed, behind_seconds: 3 });

  assert.equal(reduce(begin(), beat("delayed")).feed, "delayed");
  assert.equal(reduce(begin(), beat("down")).feed, "down");
  assert.equal(reduce(reduce(begin(), { type: "lost" }), beat("live")).feed, "live");
});

test("a delayed heartbeat does not turn the clock back", () => {
  const beat = message("heartbeat", { server_time: noon(1), interval: 5, feed: "live", behind_seconds: 0 }, { nowMs: 9000 });

  const state = reduce(begin(), beat);

  assert.equal(serverTime(state, 9000), Date.parse(noon(9)));
});

test("an unknown sensor or machine is noticed", () => {
  assert.equal(reduce(begin(), update(reading(1, 1, { sensor_type: "speed" }))).hasUnknown, true);
  assert.equal(reduce(begin(), update(reading(1, 1))).hasUnknown, false);
});

test("a dashboard greeting with other machines is noticed", () => {
  const greeting = (...ids) => message("initial_data", { readings: [], machines: ids.map((id) => machine(id)) }, { machine_id: null });

  assert.equal(reduce(begin(), greeting("CNC-001")).hasUnknown, false);
  assert.equal(reduce(begin(), greeting("CNC-001", "CNC-002")).hasUnknown, true);
});

test("an unknown message changes nothing", () => {
  const state = begin();

  assert.equal(reduce(state, message("alarm_update", { alarms: [] })), state);
});
