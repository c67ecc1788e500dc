import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Round } from "../round.js";
import { initialState, reduce } from "../state.js";
import { useWords } from "../words.js";
import { machine, noon, reading } from "./readings.js";

useWords(JSON.parse(readFileSync(new URL("cases.json", import.meta.url))).words);
const ids = Array.from({ length: 120 }, (_, n) => `CNC-${n}`);
const state = initialState({ machines: ids.map((id) => machine(id, reading(0, 1, { machine_id: id }))), server_time: noon() }, { at: 0, feed: "live" });

test("a round gives every machine's look once, a part each frame", () => {
  const round = new Round(ids);
  const frames = [];

  for (round.begin(); !round.isOver;) frames.push(Object.keys(round.looks(state, [], 0)));

  assert.deepEqual(frames.map((frame) => frame.length), [50, 50, 20]);
  assert.deepEqual(frames.flat().toSorted(), ids.toSorted());
});

test("a round that is begun again does not begin with the same machines", () => {
  const round = new Round(ids);
  round.begin();
  const first = Object.keys(round.looks(state, [], 0));
  round.begin();

  const second = Object.keys(round.looks(state, [], 0));

  assert.equal(first.some((id) => second.includes(id)), false);
});

test("those in sight have their look in every frame", () => {
  const round = new Round(ids);

  assert.deepEqual(Object.keys(round.looks(state, ["CNC-7"], 0)), ["CNC-7"]);
});

test("a look stays the same object until a reading or a second changes it", () => {
  const round = new Round(ids);
  const look = (now, at) => round.looks(now, ["CNC-7"], at)["CNC-7"];
  const read = reduce(state, { type: "sensor_update", at: 200, data: { readings: [reading(0.1, 2, { machine_id: "CNC-7" })] } });

  const looks = [look(state, 0), look(state, 100), look(read, 200), look(read, 1000)];

  assert.equal(looks[0], looks[1]);
  assert.deepEqual(looks.map((one) => [one.sensors.temperature.value, Math.floor(one.sensors.temperature.age)]), [[1, 0], [1, 0], [2, 0], [2, 0]]);
  assert.notEqual(looks[2], looks[3]);
});

test("a machine that the page has and the state has not is passed over", () => {
  const round = new Round([...ids, "GONE-1"]);

  assert.deepEqual(round.looks(state, ["GONE-1"], 0), {});
});
