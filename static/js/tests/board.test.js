import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { eventSentences } from "../events.js";
import { matches } from "../filter.js";
import { useWords } from "../words.js";

useWords(JSON.parse(readFileSync(new URL("cases.json", import.meta.url))).words);
const machine = { search: "cnc-001 mill one hall 4 line 2", urgency: 6, connectivity: "online" };
const look = (connectivity, quality) => ({ connectivity, sensors: { temperature: { quality } } });

test("every word of the search must be there, in any order and letters", () => {
  const found = ["", "CNC", "line mill", "lathe", "cnc lathe"].map((q) => matches(machine, { q, state: "" }));

  assert.deepEqual(found, [true, true, true, false, false]);
});

test("a state is a connectivity, or who needs someone", () => {
  const found = (state, changes) => matches({ ...machine, ...changes }, { q: "", state });

  assert.deepEqual([found("online"), found("offline"), found("attention"), found("attention", { urgency: 4 })], [true, false, false, true]);
});

test("what changed between two looks is told", () => {
  const labels = { temperature: "Temperature" };

  assert.deepEqual(eventSentences(look("stale", "good"), look("online", "bad"), labels), ["came online", "Temperature: quality good → bad"]);
  assert.deepEqual(eventSentences(look("online", "good"), look("stale", "good"), labels), ["went stale"]);
});

test("a first reading is no change of quality", () => {
  assert.deepEqual(eventSentences(look("online", "none"), look("online", "good"), {}), []);
});
