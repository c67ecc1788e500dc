// The rule of the latest value, by the cases that the server and its append script hold too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { machine, message, noon, reading } from "../../tests/readings.js";
import { effectiveTime, initialState, reduce } from "../state.js";

const FILE = new URL("../../../../sensors/tests/data/newest_wins.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(FILE));

const update = (...readings) => message("sensor_update", { readings, skipped: 0 });
const latest = (state) => state.machines["CNC-001"].sensors.temperature.latest;
const begin = (known = null) => initialState({ machines: [machine("CNC-001", known)], server_time: noon() }, { nowMs: 0 });

/** The readings of a case that the log holds, as its sockets send them; `value` is the index. */
const logged = ({ readings }) =>
  readings
    .map(({ timestamp, received_at, outcome }, index) => ({ outcome, row: reading(0, index, { timestamp, received_at, late: outcome === "late" }) }))
    .filter(({ outcome }) => outcome === "accepted" || outcome === "late")
    .map(({ row }) => row);

for (const { name, readings, latest: newest } of cases) {
  const rows = logged({ readings });
  const winner = rows.find(({ value }) => value === newest);

  test(`effective time: ${name}`, () => {
    assert.deepEqual(readings.map(effectiveTime), readings.map((one) => one.effective_at));
  });

  test(`one by one: ${name}`, () => {
    const state = rows.reduce((before, row) => reduce(before, update(row)), begin());

    assert.equal(latest(state).value, newest);
  });

  // Only the log can tell a repeat that it has forgotten from a new reading.
  if (!readings.some(({ forgotten }) => forgotten)) {
    test(`without the log's own mark: ${name}`, () => {
      const unmarked = rows.map((row) => ({ ...row, late: false }));

      assert.equal(latest(reduce(begin(), update(...unmarked))).value, newest);
    });
  }

  test(`together: ${name}`, () => {
    assert.equal(latest(reduce(begin(), update(...rows))).value, newest);
  });

  test(`replayed over a page that has the latest: ${name}`, () => {
    assert.equal(latest(reduce(begin(winner), update(...rows))).value, newest);
  });

  test(`loaded from the history, either way round: ${name}`, () => {
    for (const history of [rows, rows.toReversed()]) {
      assert.equal(latest(reduce(begin(winner), { type: "history", readings: history })).value, newest);
    }
  });
}
