// A sensor's hours for its chart, in buckets: lowest and highest of each. Pure except for its map.
// Repeats and any order give the same result, so that live readings merge with loaded buckets.
import { seconds } from "./points.js";
import { shadedRanges, worseQuality } from "./shading.js";

export class Buckets {
  constructor({ windowSeconds, bucketSeconds }) {
    Object.assign(this, { windowSeconds, bucketSeconds, byNumber: new Map() });
  }

  get count() {
    return this.byNumber.size;
  }

  add({ timestamp, value, quality }) {
    this.merge({ first: timestamp, last: timestamp, low: value, high: value, quality });
    return true;
  }

  /** Merge a bucket as the server sends it: first and last moment, lowest and highest, worst quality. */
  merge({ first, last, low, high, quality }) {
    const [x0, x1] = [seconds(first), seconds(last)];
    const number = Math.floor(x0 / this.bucketSeconds);
    const bucket = this.byNumber.get(number);
    if (!bucket) this.byNumber.set(number, { x0, x1, low, high, quality });
    else {
      this.byNumber.set(number, {
        x0: Math.min(bucket.x0, x0),
        x1: Math.max(bucket.x1, x1),
        low: bucket.low === null ? low : Math.min(bucket.low, low ?? bucket.low),
        high: bucket.high === null ? high : Math.max(bucket.high, high ?? bucket.high),
        quality: worseQuality(bucket.quality, quality),
      });
    }
  }

  /** Drop the buckets that left the window, except the one at its edge: the line enters from there. */
  trim(nowSeconds) {
    const from = nowSeconds - this.windowSeconds - this.bucketSeconds;
    for (const [number, { x1 }] of this.byNumber) if (x1 < from) this.byNumber.delete(number);
  }

  sorted() {
    return [...this.byNumber].sort(([a], [b]) => a - b).map(([, bucket]) => bucket);
  }

  /** uPlot's columns [x, value, doubtful, low, high]; null between buckets more than `gapSeconds` apart. */
  columns(gapSeconds) {
    const [xs, lows, highs] = [[], [], []];
    let before = null;
    for (const { x0, x1, low, high } of this.sorted()) {
      if (before !== null && x0 - before > gapSeconds) {
        xs.push((before + x0) / 2);
        lows.push(null);
        highs.push(null);
      }
      xs.push((x0 + x1) / 2);
      lows.push(low);
      highs.push(high);
      before = x1;
    }
    const none = xs.map(() => null);
    return [xs, none, none, lows, highs];
  }

  shadedRanges(gapSeconds, nowSeconds) {
    return shadedRanges(this.sorted(), gapSeconds, nowSeconds);
  }
}
