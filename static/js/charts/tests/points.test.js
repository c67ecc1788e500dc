import assert from "node:assert/strict";
import { test } from "node:test";

import { noon, reading } from "../../tests/readings.js";
import { Points, seconds } from "../points.js";

const NOON = seconds(noon());
const pointsOf = (rows, options = {}) => {
  const points = new Points({ windowSeconds: 900, ...options });
  rows.forEach((row) => points.add(row));
  return points;
};
const values = (points) => points.list.map((point) => point.y);

test("readings lie in the order of their measured times", () => {
  assert.deepEqual(values(pointsOf([reading(2, 2), reading(9, 9), reading(1, 1), reading(5, 5)])), [1, 2, 5, 9]);
});

test("the same moment is kept once", () => {
  const points = pointsOf([reading(1, 1), reading(2, 2)]);

  assert.equal(points.add(reading(1, 7)), false);
  assert.deepEqual(values(points), [1, 2]);
});

test("moments a microsecond apart are two", () => {
  const [one, two] = [1, 2].map((digit) => reading(0, digit, { timestamp: noon().replace("000Z", `00${digit}Z`) }));

  assert.deepEqual(values(pointsOf([two, one])), [1, 2]);
  assert.ok(seconds(two.timestamp) - seconds(one.timestamp) > 5e-7);
});

test("what left the window goes, but for the point the line comes from", () => {
  const points = pointsOf([reading(0, 0), reading(1, 1), reading(2, 2), reading(100, 3)], { windowSeconds: 50 });

  points.trim(NOON + 101);

  assert.deepEqual(values(points), [2, 3]);
});

test("the oldest beyond the bound go", () => {
  const points = pointsOf([1, 2, 3, 4].map((second) => reading(second, second)), { maxPoints: 3 });

  points.trim(NOON + 5);

  assert.deepEqual(values(points), [2, 3, 4]);
});

test("a silence is a gap, and so is a missing value", () => {
  const points = pointsOf([reading(0, 1), reading(10, 2), reading(100, 3), reading(101, null, { quality: "bad" })]);

  const [xs, ys] = points.columns(30);

  assert.deepEqual(ys, [1, 2, null, 3, null]);
  assert.deepEqual(xs.map((x) => Math.round(x - NOON)), [0, 10, 55, 100, 101]);
});

test("doubtful points are marked", () => {
  const points = pointsOf([reading(0, 1), reading(1, 2, { quality: "uncertain" })]);

  assert.deepEqual(points.columns(30)[2], [null, 2]);
});
