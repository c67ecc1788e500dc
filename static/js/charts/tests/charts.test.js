import assert from "node:assert/strict";
import { test } from "node:test";

import { noon, reading } from "../../tests/readings.js";
import { Buckets } from "../buckets.js";
import { seconds } from "../points.js";
import { shadedRanges } from "../shading.js";
import { trendOf } from "../trend.js";

const NOON = seconds(noon());
const item = (x, quality = "good") => ({ x0: x, x1: x, quality });
const points = (values, quality = "good") => values.map((y, index) => ({ x: index * 10, y, quality }));

test("a time without data is a gap, up to now too", () => {
  assert.deepEqual(shadedRanges([item(0), item(10), item(100)], 30, 200), [
    { from: 10, to: 100, kind: "gap" },
    { from: 100, to: 200, kind: "gap" },
  ]);
});

test("a doubtful value counts until the next, but not over a gap", () => {
  assert.deepEqual(shadedRanges([item(0, "bad"), item(10), item(20, "uncertain"), item(30, "uncertain"), item(90)], 40, 91), [
    { from: 0, to: 10, kind: "bad" },
    { from: 20, to: 30, kind: "uncertain" },
    { from: 30, to: 30, kind: "uncertain" },
    { from: 30, to: 90, kind: "gap" },
  ].filter(({ from, to }) => from !== to));
});

test("buckets keep the lowest and the highest, in any order and with repeats", () => {
  const rows = [reading(1, 5), reading(2, 3), reading(9, 8), reading(11, 1)];
  for (const order of [[0, 1, 2, 3], [3, 2, 1, 0], [0, 0, 2, 1, 3, 3]]) {
    const buckets = new Buckets({ windowSeconds: 3600, bucketSeconds: 10 });
    order.forEach((index) => buckets.add(rows[index]));
    const [, , , lows, highs] = buckets.columns(300);
    assert.deepEqual([lows, highs], [[3, 1], [8, 1]]);
  }
});

test("buckets of the server and live readings merge", () => {
  const buckets = new Buckets({ windowSeconds: 3600, bucketSeconds: 10 });
  buckets.add(reading(4, 9, { quality: "bad" }));
  buckets.merge({ first: noon(1), last: noon(3), low: 2, high: 4, quality: "good" });

  assert.deepEqual(buckets.sorted(), [{ x0: NOON + 1, x1: NOON + 4, low: 2, high: 9, quality: "bad" }]);
});

test("buckets have a gap without data, and none where a value is missing", () => {
  const buckets = new Buckets({ windowSeconds: 3600, bucketSeconds: 10 });
  [reading(0, 1), reading(100, 2), reading(110, null, { quality: "bad" })].forEach((row) => buckets.add(row));

  const [xs, , , lows] = buckets.columns(30);

  assert.deepEqual(lows, [1, null, 2, null]);
  assert.deepEqual(xs.map((x) => x - NOON), [0, 50, 100, 110]);
});

test("buckets that left the window are dropped", () => {
  const buckets = new Buckets({ windowSeconds: 100, bucketSeconds: 10 });
  [reading(0, 1), reading(200, 2)].forEach((row) => buckets.add(row));

  buckets.trim(NOON + 201);

  assert.equal(buckets.count, 1);
});

test("a trend needs a significant slope", () => {
  assert.equal(trendOf(points([1, 2, 3, 4, 5, 6, 7, 8.5]), 80), "up");
  assert.equal(trendOf(points([8, 7, 6, 5, 4, 3, 2, 0.5]), 80), "down");
  assert.equal(trendOf(points([5, 5.2, 4.9, 5.1, 5, 4.8, 5.2, 5]), 80), "flat");
});

test("too few, too old or doubtful values have no trend", () => {
  assert.equal(trendOf(points([1, 2, 3]), 80), null);
  assert.equal(trendOf(points([1, 2, 3, 4, 5, 6, 7, 8]), 1000), null);
  assert.equal(trendOf(points([1, 2, 3, 4, 5, 6, 7, 8], "uncertain"), 80), null);
});
