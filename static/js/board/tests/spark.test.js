import assert from "node:assert/strict";
import { test } from "node:test";

import { Spark } from "../spark.js";

test("a spark ends its line where no data was received", () => {
  const spark = new Spark({ bucketSeconds: 15, count: 4, gap: 1 });
  for (const [second, value] of [[0, 1], [15, 2], [45, 3]]) spark.add(second * 1000, value);

  assert.equal(spark.path(59_000), "M0 18.0L0 18.0L1 10.0L1 10.0M3 2.0L3 2.0");
});

test("a spark forgets what left its window, and is empty without a value", () => {
  const spark = new Spark({ bucketSeconds: 15, count: 4 });
  spark.add(0, 1);
  spark.add(0, null);

  assert.equal(spark.path(120_000), "");
});

test("a reading within its bucket's band changes nothing of a spark", () => {
  const spark = new Spark({ bucketSeconds: 15, count: 4 });

  const changes = [[0, 1], [1, 3], [2, 2], [3, 3], [4, 4], [15, 2], [16, null]].map(([second, value]) => spark.add(second * 1000, value));

  assert.deepEqual(changes, [true, true, false, false, true, true, false]);
});
