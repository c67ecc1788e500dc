import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { useWords } from "../../common/words.js";
import { machine, noon, reading } from "../../tests/readings.js";
import { RoundRobin } from "../round_robin.js";
import { initialState, reduce } from "../state.js";

useWords(JSON.parse(readFileSync(new URL("../../tests/cases.json", import.meta.url))).words);
const ids = Array.from({ length: 120 }, (_, n) => `CNC-${n}`);
const state = initialState({ machines: ids.map((id) => machine(id, reading(0, 1, { machine_id: id }))), server_time: noon() }, { nowMs: 0, feed: "live" });

test("a round gives every machine's view once, a part each frame", () => {
  const round = new RoundRobin(ids);
  const frames = [];

  for (round.begin(); !round.isDone;) frames.push(Object.keys(round.views(state, [], 0)));

  assert.deepEqual(frames.map((frame) => frame.length), [50, 50, 20]);
  assert.deepEqual(frames.flat().toSorted(), ids.toSorted());
});

test("a round that is begun again does not begin with the same machines", () => {
  const round = new RoundRobin(ids);
  round.begin();
  const first = Object.keys(round.views(state, [], 0));
  round.begin();

  const second = Object.keys(round.views(state, [], 0));

  assert.equal(first.some((id) => second.includes(id)), false);
});

test("visible machines have their view in every frame", () => {
  const round = new RoundRobin(ids);

  assert.deepEqual(Object.keys(round.views(state, ["CNC-7"], 0)), ["CNC-7"]);
});

test("a view stays the same object until a reading or a second changes it", () => {
  const round = new RoundRobin(ids);
  const view = (current, nowMs) => round.views(current, ["CNC-7"], nowMs)["CNC-7"];
  const updated = reduce(state, { type: "sensor_update", nowMs: 200, data: { readings: [reading(0.1, 2, { machine_id: "CNC-7" })] } });

  const views = [view(state, 0), view(state, 100), view(updated, 200), view(updated, 1000)];

  assert.equal(views[0], views[1]);
  assert.deepEqual(views.map(({ sensors: { temperature } }) => [temperature.value, Math.floor(temperature.age)]), [[1, 0], [1, 0], [2, 0], [2, 0]]);
  assert.notEqual(views[2], views[3]);
});

test("a machine that is missing in the state is skipped", () => {
  const round = new RoundRobin([...ids, "GONE-1"]);

  assert.deepEqual(round.views(state, ["GONE-1"], 0), {});
});
