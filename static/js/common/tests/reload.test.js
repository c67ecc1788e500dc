import assert from "node:assert/strict";
import { test } from "node:test";

import { IDLE_MS, reloadReason } from "../reload.js";

const DAY_MS = 86_400_000;
const calm = { mine: "a", served: "a", ageMs: 1000, idleMs: Infinity, sinceReloadMs: Infinity, feed: "live" };

test("a wall screen stays while nothing is new", () => {
  assert.equal(reloadReason(calm), "");
});

test("another release reloads the page, but not while it is used", () => {
  assert.equal(reloadReason({ ...calm, served: "b" }), "release");
  assert.equal(reloadReason({ ...calm, served: "b", idleMs: IDLE_MS - 1 }), "");
});

test("once a day the page is reloaded while its feed is live and nobody uses it", () => {
  const old = { ...calm, ageMs: DAY_MS + 1 };

  assert.equal(reloadReason(old), "day");
  assert.deepEqual(["lost", "down", "delayed"].map((feed) => reloadReason({ ...old, feed })), ["", "", ""]);
  assert.equal(reloadReason({ ...old, idleMs: 0 }), "");
});

test("a feed that ended, or never began, reloads the page even while it is used", () => {
  assert.equal(reloadReason({ ...calm, feed: "stopped", idleMs: 0 }), "stopped");
  assert.equal(reloadReason({ ...calm, feed: "connecting" }), "");
  assert.equal(reloadReason({ ...calm, feed: "connecting", ageMs: 120_001, idleMs: 0 }), "stuck");
});

test("two releases side by side do not reload the page to and fro", () => {
  assert.equal(reloadReason({ ...calm, served: "b", sinceReloadMs: 299_999 }), "");
  assert.equal(reloadReason({ ...calm, served: "b", sinceReloadMs: 300_000 }), "release");
});
