import assert from "node:assert/strict";
import { test } from "node:test";

import { IDLE_MS, reason } from "../renewal.js";

const DAY_MS = 86_400_000;
const calm = { mine: "a", served: "a", ageMs: 1000, idleMs: Infinity, renewedMs: Infinity, feed: "live" };

test("a page on the wall stays while nothing is new", () => {
  assert.equal(reason(calm), "");
});

test("another release renews the page, but not under a hand", () => {
  assert.equal(reason({ ...calm, served: "b" }), "release");
  assert.equal(reason({ ...calm, served: "b", idleMs: IDLE_MS - 1 }), "");
});

test("once a day the page is renewed while its feed is live and nobody is there", () => {
  const old = { ...calm, ageMs: DAY_MS + 1 };

  assert.equal(reason(old), "day");
  assert.deepEqual(["lost", "down", "delayed"].map((feed) => reason({ ...old, feed })), ["", "", ""]);
  assert.equal(reason({ ...old, idleMs: 0 }), "");
});

test("a feed that ended, or never began, renews the page whoever is there", () => {
  assert.equal(reason({ ...calm, feed: "stopped", idleMs: 0 }), "stopped");
  assert.equal(reason({ ...calm, feed: "connecting" }), "");
  assert.equal(reason({ ...calm, feed: "connecting", ageMs: 120_001, idleMs: 0 }), "stuck");
});

test("two releases side by side do not throw the page to and fro", () => {
  assert.equal(reason({ ...calm, served: "b", renewedMs: 299_999 }), "");
  assert.equal(reason({ ...calm, served: "b", renewedMs: 300_000 }), "release");
});
