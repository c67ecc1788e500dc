import assert from "node:assert/strict";
import { test } from "node:test";

import { matches } from "../filter.js";

const machine = { search: "cnc-001 mill one hall 4 line 2", urgency: 6, connectivity: "online" };

test("every word of the search must match, in any order and case", () => {
  const matched = ["", "CNC", "line mill", "lathe", "cnc lathe"].map((q) => matches(machine, { q, state: "" }));

  assert.deepEqual(matched, [true, true, true, false, false]);
});

test("a state is a connectivity, or a need for attention", () => {
  const isMatch = (state, changes) => matches({ ...machine, ...changes }, { q: "", state });

  assert.deepEqual([isMatch("online"), isMatch("offline"), isMatch("attention"), isMatch("attention", { urgency: 4 })], [true, false, false, true]);
});
