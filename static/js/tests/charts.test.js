import assert from "node:assert/strict";
import { test } from "node:test";

import { seconds } from "../points.js";
import { Spark } from "../spark.js";
import { spansOf } from "../spans.js";
import { Steps } from "../steps.js";
import { trendOf } from "../trend.js";
import { noon, reading } from "./readings.js";

const NOON = seconds(noon());
const item = (x, quality = "good") => ({ x0: x, x1: x, quality });
const points = (values, quality = "good") => values.map((y, at) => ({ x: at * 10, y, quality }));

test("a silence is a span, up to now too", () => {
  assert.deepEqual(spansOf([item(0), item(10), item(100)], 30, 200), [
    { from: 10, to: 100, kind: "gap" },
    { from: 100, to: 200, kind: "gap" },
  ]);
});

test("a doubtful value counts until the next, but not over a silence", () => {
  assert.deepEqual(spansOf([item(0, "bad"), item(10), item(20, "uncertain"), item(30, "uncertain"), item(90)], 40, 91), [
    { from: 0, to: 10, kind: "bad" },
    { from: 20, to: 30, kind: "uncertain" },
    { from: 30, to: 30, kind: "uncertain" },
    { from: 30, to: 90, kind: "gap" },
  ].filter(({ from, to }) => from !== to));
});

test("steps keep the lowest and the highest, whatever the order and however often", () => {
  const rows = [reading(1, 5), reading(2, 3), reading(9, 8), reading(11, 1)];
  for (const turn of [[0, 1, 2, 3], [3, 2, 1, 0], [0, 0, 2, 1, 3, 3]]) {
    const steps = new Steps({ windowSeconds: 3600, stepSeconds: 10 });
    turn.forEach((at) => steps.add(rows[at]));
    const [, , , lows, highs] = steps.columns(300);
    assert.deepEqual([lows, highs], [[3, 1], [8, 1]]);
  }
});

test("what the server summed up and what came live are one", () => {
  const steps = new Steps({ windowSeconds: 3600, stepSeconds: 10 });
  steps.add(reading(4, 9, { quality: "bad" }));
  steps.merge({ first: noon(1), last: noon(3), low: 2, high: 4, quality: "good" });

  assert.deepEqual(steps.sorted(), [{ x0: NOON + 1, x1: NOON + 4, low: 2, high: 9, quality: "bad" }]);
});

test("steps have a gap where nothing came, and none where a value is missing", () => {
  const steps = new Steps({ windowSeconds: 3600, stepSeconds: 10 });
  [reading(0, 1), reading(100, 2), reading(110, null, { quality: "bad" })].forEach((row) => steps.add(row));

  const [xs, , , lows] = steps.columns(30);

  assert.deepEqual(lows, [1, null, 2, null]);
  assert.deepEqual(xs.map((x) => x - NOON), [0, 50, 100, 110]);
});

test("steps that left the window go", () => {
  const steps = new Steps({ windowSeconds: 100, stepSeconds: 10 });
  [reading(0, 1), reading(200, 2)].forEach((row) => steps.add(row));

  steps.trim(NOON + 201);

  assert.equal(steps.count, 1);
});

test("a trend is said when the values are sure of it", () => {
  assert.equal(trendOf(points([1, 2, 3, 4, 5, 6, 7, 8.5]), 80), "up");
  assert.equal(trendOf(points([8, 7, 6, 5, 4, 3, 2, 0.5]), 80), "down");
  assert.equal(trendOf(points([5, 5.2, 4.9, 5.1, 5, 4.8, 5.2, 5]), 80), "flat");
});

test("too few, too old or doubtful values have no trend", () => {
  assert.equal(trendOf(points([1, 2, 3]), 80), null);
  assert.equal(trendOf(points([1, 2, 3, 4, 5, 6, 7, 8]), 1000), null);
  assert.equal(trendOf(points([1, 2, 3, 4, 5, 6, 7, 8], "uncertain"), 80), null);
});

test("a spark ends its line where nothing came", () => {
  const spark = new Spark({ seconds: 15, count: 4, gap: 1 });
  for (const [second, value] of [[0, 1], [15, 2], [45, 3]]) spark.add(second * 1000, value);

  assert.equal(spark.path(59_000), "M0 18.0L0 18.0L1 10.0L1 10.0M3 2.0L3 2.0");
});

test("a spark forgets what left its window, and is empty without a value", () => {
  const spark = new Spark({ seconds: 15, count: 4 });
  spark.add(0, 1);
  spark.add(0, null);

  assert.equal(spark.path(120_000), "");
});

test("a reading within its step's band changes nothing of a spark", () => {
  const spark = new Spark({ seconds: 15, count: 4 });

  const changes = [[0, 1], [1, 3], [2, 2], [3, 3], [4, 4], [15, 2], [16, null]].map(([second, value]) => spark.add(second * 1000, value));

  assert.deepEqual(changes, [true, true, false, false, true, true, false]);
});
