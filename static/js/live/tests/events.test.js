import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { useWords } from "../../common/words.js";
import { eventSentences } from "../events.js";

useWords(JSON.parse(readFileSync(new URL("../../tests/cases.json", import.meta.url))).words);
const view = (connectivity, quality) => ({ connectivity, sensors: { temperature: { quality } } });

test("changes between two views are events", () => {
  const labels = { temperature: "Temperature" };

  assert.deepEqual(eventSentences(view("stale", "good"), view("online", "bad"), labels), ["came online", "Temperature: quality good → bad"]);
  assert.deepEqual(eventSentences(view("online", "good"), view("stale", "good"), labels), ["went stale"]);
});

test("a first reading is no change of quality", () => {
  assert.deepEqual(eventSentences(view("online", "none"), view("online", "good"), {}), []);
});
