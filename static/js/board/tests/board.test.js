import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { eventSentences } from "../../live/events.js";
import { matches } from "../filter.js";
import { useWords } from "../../common/words.js";

useWords(JSON.parse(readFileSync(new URL("../../tests/cases.json", import.meta.url))).words);
const machine = { search: "cnc-001 mill one hall 4 line 2", urgency: 6, connectivity: "online" };
const view = (connectivity, quality) => ({ connectivity, sensors: { temperature: { quality } } });

test("every word of the search must match, in any order and case", () => {
  const matched = ["", "CNC", "line mill", "lathe", "cnc lathe"].map((q) => matches(machine, { q, state: "" }));

  assert.deepEqual(matched, [true, true, true, false, false]);
});

test("a state is a connectivity, or a need for attention", () => {
  const isMatch = (state, changes) => matches({ ...machine, ...changes }, { q: "", state });

  assert.deepEqual([isMatch("online"), isMatch("offline"), isMatch("attention"), isMatch("attention", { urgency: 4 })], [true, false, false, true]);
});

test("changes between two views are events", () => {
  const labels = { temperature: "Temperature" };

  assert.deepEqual(eventSentences(view("stale", "good"), view("online", "bad"), labels), ["came online", "Temperature: quality good → bad"]);
  assert.deepEqual(eventSentences(view("online", "good"), view("stale", "good"), labels), ["went stale"]);
});

test("a first reading is no change of quality", () => {
  assert.deepEqual(eventSentences(view("online", "none"), view("online", "good"), {}), []);
});
