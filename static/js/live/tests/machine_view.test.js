import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { useWords } from "../../common/words.js";
import { machine, message, noon, reading } from "../../tests/readings.js";
import { clockWord, machineView, urgency } from "../machine_view.js";
import { initialState, reduce } from "../state.js";

const cases = JSON.parse(readFileSync(new URL("../../tests/cases.json", import.meta.url)));
useWords(cases.words);
const state = (latest, feed) => initialState({ machines: [machine("CNC-001", latest)], server_time: noon() }, { nowMs: 0, feed });

test("urgencies and clock notes are those of the server", () => {
  for (const [connectivity, worst, someStale, rank] of cases.urgencies) assert.equal(urgency(connectivity, worst, someStale), rank);
  for (const [timestamp, received_at, words] of cases.clocks) assert.equal(clockWord({ timestamp, received_at }), words);
});

test("a value grows stale without a message", () => {
  const shown = state(reading(0, 1));

  const views = [300, 301].map((second) => machineView(shown, "CNC-001", second * 1000).sensors.temperature);

  assert.deepEqual(views.map(({ stale }) => stale), [false, true]);
  assert.equal(views[1].age, 301);
});

test("connectivity falls with time alone", () => {
  const shown = state(reading(0, 1));

  const words = [10, 301, 901].map((second) => machineView(shown, "CNC-001", second * 1000).connectivity);

  assert.deepEqual(words, ["online", "stale", "offline"]);
});

test("the age of a stamp from the future counts from its receipt and is never negative", () => {
  const shown = state(reading(600, 1, { received_at: noon(1) }));

  assert.equal(machineView(shown, "CNC-001", 0).sensors.temperature.age, 0);
  assert.equal(machineView(shown, "CNC-001", 5000).sensors.temperature.age, 4);
});

test("a sensor without a reading has a word for it", () => {
  const view = machineView(state(null), "CNC-001", 0);

  assert.equal(view.sensors.temperature.word, "no reading yet");
  assert.equal(view.connectivity, "never_seen");
  assert.equal(view.worst, "none");
});

test("a value that the server could not read is unknown until a greeting", () => {
  const unread = initialState({ machines: [{ ...machine(), connectivity: "unknown" }], server_time: noon() }, { nowMs: 0, feed: "down" });
  const greeted = reduce(unread, message("initial_data", { readings: [], recovered: true }));

  const words = [unread, greeted].map((one) => machineView(one, "CNC-001", 0).sensors.temperature.word);

  assert.deepEqual(words, ["unknown", "no reading yet"]);
});

test("a bad value without a number is a dash", () => {
  const view = machineView(state(reading(0, null, { quality: "bad" })), "CNC-001", 0);

  assert.equal(view.sensors.temperature.number, "–");
  assert.equal(view.worst, "bad");
});
